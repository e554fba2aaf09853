"""How Sphinx builds these pages: `make docs`."""

from pathlib import Path

HERE = Path(__file__).resolve().parent

project = "sightscale"
html_title = "sightscale"
copyright = "the sightscale maintainers, Apache-2.0"
language = "en"
extensions = ["myst_parser", "autoapi.extension"]
html_theme = "furo"
html_copy_source = False
html_show_sphinx = False
html_static_path = ["static"]
html_css_files = ["phone.css"]
add_module_names = False  # names are imported from sightscale itself, not from the modules that hold them
exclude_patterns: list[str] = []
suppress_warnings = ["myst.header", "autoapi.python_import_resolution"]

myst_heading_anchors = 3  # so that a link to page.md#heading is checked

autoapi_dirs = [str(HERE.parent / ".venv-docs" / "package" / "sightscale")]  # read, not imported
autoapi_generate_api_docs = False  # api.md lists the public names
