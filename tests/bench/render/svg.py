"""A small drawing: SVG elements in a list, and scales that turn values into pixels."""

import math
from html import escape

INK = "#222222"
FAINT = "#dddddd"
FONT = "font-family='DejaVu Sans, Verdana, Helvetica, sans-serif'"


class Drawing:
    """Elements of an SVG document, in the order in which they are painted."""

    def __init__(self, width, height):
        self.width = width
        self.height = height
        self.elements = []

    def line(self, x1, y1, x2, y2, color=INK, width=1, dash=""):
        style = f" stroke-dasharray='{dash}'" if dash else ""
        self.elements.append(
            f"<line x1='{x1:.1f}' y1='{y1:.1f}' x2='{x2:.1f}' y2='{y2:.1f}' "
            f"stroke='{color}' stroke-width='{width}'{style}/>"
        )

    def polyline(self, points, color, width, dash=""):
        style = f" stroke-dasharray='{dash}'" if dash else ""
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.elements.append(
            f"<polyline points='{path}' fill='none' stroke='{color}' "
            f"stroke-width='{width}' stroke-linejoin='round'{style}/>"
        )

    def rectangle(self, x, y, width, height, color):
        self.elements.append(
            f"<rect x='{x:.1f}' y='{y:.1f}' width='{width:.1f}' height='{height:.1f}' fill='{color}'/>"
        )

    def circle(self, x, y, radius, color, hollow=False):
        fill = "white" if hollow else color
        self.elements.append(
            f"<circle cx='{x:.1f}' cy='{y:.1f}' r='{radius}' fill='{fill}' stroke='{color}' "
            "stroke-width='1.5'/>"
        )

    def text(self, x, y, words, anchor="start", size=12, color=INK, bold=False, turned=False):
        weight = " font-weight='bold'" if bold else ""
        turn = f" transform='rotate(-90 {x:.1f} {y:.1f})'" if turned else ""
        self.elements.append(
            f"<text x='{x:.1f}' y='{y:.1f}' text-anchor='{anchor}' font-size='{size}' "
            f"fill='{color}' {FONT}{weight}{turn}>{escape(words)}</text>"
        )

    def save(self, path):
        head = (
            f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {self.width} {self.height}' "
            f"width='{self.width}' height='{self.height}'>"
        )
        ground = f"<rect width='{self.width}' height='{self.height}' fill='white'/>"
        path.write_text("\n".join([head, ground, *self.elements, "</svg>"]) + "\n")


class LogScale:
    """Values from `low` to `high`, on a logarithmic scale, as pixels from `start` to `end`."""

    def __init__(self, values, start, end):
        self.low = min(values) / 1.3
        self.high = max(values) * 1.3
        self.start = start
        self.end = end

    def __call__(self, value):
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self):
        """1, 2, 5 of each decade; powers of ten alone where these would be many."""
        digits = (1, 2, 5) if self.high / self.low < 200 else (1,)
        decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        values = [digit * 10.0**decade for decade in decades for digit in digits]
        return [value for value in values if self.low <= value <= self.high]


class LinearScale:
    """Values from 0 to the largest, as pixels from `start` to `end`."""

    def __init__(self, values, start, end):
        self.high = max(values) * 1.05
        self.start = start
        self.end = end

    def __call__(self, value):
        return self.start + value / self.high * (self.end - self.start)

    def ticks(self):
        """Round steps, about five of them."""
        step = 10 ** math.floor(math.log10(self.high / 4))
        step *= next(factor for factor in (1, 2, 5, 10) if self.high / (step * factor) <= 6)
        return [step * index for index in range(math.floor(self.high / step) + 1)]


def short(value):
    """Three significant digits, thousands and millions by letter."""
    for limit, suffix in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= limit:
            return f"{value / limit:.3g}{suffix}"
    return f"{value:.3g}"
