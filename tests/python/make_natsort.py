"""Write `tests/fixtures/natural-order.json`: lists of texts as natsort, by which Python anndata orders categories, sorts them.

Usage: ``python make_natsort.py [FOLDER]`` (default: ``tests/fixtures`` of this project)
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path

from natsort import natsorted

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
#: What texts are made of: letters, composed and decomposed, digits of several scripts, adorned digits, signs, white space.
PIECES = [
    *"ab01290Z -+._\t\u00a0",
    *"éêüñÅ", "e\u0301", "A\u030a", "\u1e9b\u0323", "한", "\u1112\u1161\u11ab", "日", "🧬", "\u0378", "ſ", "ß",
    "\u0660", "\u0662", "\u096f", "\U0001d7d8", "\U0001d7ff", "\uff11", "²", "³", "¹", "\u2070", "①", "⑨", "\u24ff", "½", "Ⅷ", "一", "\U0001f103",
    "00", "007", "10", "123456789012345678901234567890",
]  # fmt: skip


def lists(count):
    draw = random.Random(20260801)
    for _ in range(count):
        pieces = draw.sample(PIECES, 4)
        texts = {"".join(draw.choices(pieces, k=draw.randrange(4))) for _ in range(draw.randrange(3, 9))}
        # Texts of the same order stay in that of their code points, as the categories of pandas are in.
        yield natsorted(sorted(texts))


def main(folder):
    text = ",\n".join(json.dumps(texts) for texts in lists(300))
    (folder / "natural-order.json").write_text(f"[\n{text}\n]\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FIXTURES)
