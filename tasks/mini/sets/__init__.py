"""The sets of the mini suite, each named by the data set in whose spirit it is drawn."""
