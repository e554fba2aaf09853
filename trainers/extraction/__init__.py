"""Visual extraction data: instruction data turned into descriptions that hold what their questions ask for."""

from sightscale.trainers.extraction.examples import DATA, extract
from sightscale.trainers.extraction.page import write_page
from sightscale.trainers.extraction.quality import Quality, measure_quality
from sightscale.trainers.extraction.sources import HUB, open_sources

__all__ = ["DATA", "HUB", "Quality", "extract", "measure_quality", "open_sources", "write_page"]
