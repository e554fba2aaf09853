"""Visual extraction data: instruction data turned into descriptions that hold what their questions ask for."""
