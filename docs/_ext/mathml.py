"""Formulas as native MathML: a page needs no script and no network to show them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util import logging

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.writers.html5 import HTML5Translator

logger = logging.getLogger(__name__)


def _written(node: nodes.math | nodes.math_block, as_block: bool) -> str:
    text = node.astext()
    try:
        return tex2mathml(text, as_block=as_block)
    except MathError as error:
        logger.warning("formula %r: %s", text, error, location=node)
        return f"<code>{text}</code>"


def _inline(translator: HTML5Translator, node: nodes.math) -> None:
    translator.body.append(_written(node, as_block=False))
    raise nodes.SkipNode


def _block(translator: HTML5Translator, node: nodes.math_block) -> None:
    # Sphinx numbers and labels equations in its own renderers only; none here is referred to.
    translator.body.append(f'<div class="math">{_written(node, as_block=True)}</div>\n')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the renderer."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
