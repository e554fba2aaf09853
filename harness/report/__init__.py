"""Reports: what records say, as pages, figures and tables for people; every number is computed from records alone."""
