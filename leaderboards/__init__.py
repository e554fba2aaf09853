"""Who scored what: entries and their verification, exports, and the study's own table in `published`."""
