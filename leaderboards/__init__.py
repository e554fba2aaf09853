"""Who scored what. So far the study's own table, in `published`."""
