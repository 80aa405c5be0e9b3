"""How the site is built: `make docs`.

Every formula, number and figure on it is computed while it is built: tutorial, how-to pages and
derivations are scripts that sphinx-gallery runs (a script that fails fails the build), tables and
printed commands come from `_ext/generated.py`.

A how-to page is a script in `how_to/` that `index.md` lists; a derivation is any script in
`derivations/` whose name does not begin with an underscore. Prose in them is reStructuredText.
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
# An editable install finds the package; a bare `sphinx-build` of the checkout must as well.
sys.path[:0] = [str(HERE.parent), str(HERE / "_ext")]

from numpydoc.xref import DEFAULT_LINKS

import roofsym

project = "roofsym"
author = "the roofsym authors"
project_copyright = author
version = release = roofsym.__version__

extensions = [
    "sphinx.ext.autodoc",
    "numpydoc",
    "myst_parser",
    "sphinx_gallery.gen_gallery",
    "generated",
    "mathml",
]
exclude_patterns = ["_build", "tutorial", "how_to", "README.md"]
nitpicky = True
# Single backticks in docstrings: a link where there is something to link to, a name where not.
default_role = "py:obj"
nitpick_ignore_regex = [("py:obj", r".*")]

# --- Markdown ------------------------------------------------------------------------------------

myst_enable_extensions = ["dollarmath", "deflist"]
myst_fence_as_directive = ["math"]
myst_heading_anchors = 3

# --- API reference -------------------------------------------------------------------------------

autodoc_typehints = "none"  # the docstrings state types, units and what is refused
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True}
numpydoc_show_class_members = False  # autodoc lists them, with their docstrings
add_module_names = False
# Types in docstrings link to the package's own classes. Python's own, which numpydoc would link to
# an inventory that only the network has, stay words.
numpydoc_xref_param_type = True
numpydoc_xref_ignore = "all"
numpydoc_xref_aliases = (
    {name: f":py:obj:`{name}`" for name in DEFAULT_LINKS}
    | {
        name: f"roofsym.{name}"
        for name in roofsym.__all__
        if inspect.isclass(getattr(roofsym, name))
    }
    | {"Result": "roofsym.results.Result"}
)

# --- executed pages ------------------------------------------------------------------------------

sphinx_gallery_conf = {
    "examples_dirs": ["tutorial", "how_to", "../derivations"],
    "gallery_dirs": ["_generated/tutorial", "_generated/how_to", "_generated/derivations"],
    "filename_pattern": r"\.py$",  # run every script, not only those named plot_*
    "ignore_pattern": r"[/\\]_[^/\\]*\.py$",
    "copyfile_regex": r"index\.rst",
    "within_subsection_order": "generated.ArticleOrder",
    "run_stale_examples": True,  # an unchanged script prints other numbers once the package changes
    "capture_repr": ("_repr_html_", "__repr__"),
    "ignore_repr_types": r"matplotlib|NoneType",
    "write_computation_times": False,
    "min_reported_time": 10**6,  # how long this machine took is no part of a page
    "download_all_examples": False,
    "show_signature": False,
    "plot_gallery": True,
    "remove_config_comments": True,
}

# --- HTML ----------------------------------------------------------------------------------------

html_theme = "furo"
html_title = "roofsym"
html_static_path = ["_static"]
html_css_files = ["roofsym.css"]
html_math_renderer = "mathml"
html_show_sourcelink = False
html_copy_source = False
