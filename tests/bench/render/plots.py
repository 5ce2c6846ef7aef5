"""The kinds of plots: lines over the number of nodes, bars, stacked bars, and the targets."""

from look import look_of
from svg import FAINT, Drawing, LinearScale, LogScale, short

MARGIN_LEFT = 62
TITLE_HEIGHT = 30
PANEL_WIDTH = 380
PANEL_HEIGHT = 300
PANEL_GAP = 74
LEGEND_ROW = 19
BAR_HEIGHT = 17


def values_of(summary):
    """The extremes of the rounds, and the median."""
    return [summary["min"], summary["median"], summary["max"]]


def centres_of(summary):
    """Both modes where there are two, else the median."""
    return summary.get("modes", [summary["median"]])


def subjects_of(figures):
    names = []
    for figure in figures:
        names += [name for name in figure["subjects"] if name not in names]
    return names


def nodes_of(figure):
    return int(figure["row"].removeprefix("N="))


def legend(drawing, subjects, top):
    column_width = (drawing.width - MARGIN_LEFT) / 3
    for index, subject in enumerate(subjects):
        look = look_of(subject)
        x = MARGIN_LEFT + index % 3 * column_width
        y = top + index // 3 * LEGEND_ROW
        drawing.line(x, y, x + 28, y, look.color, look.width, look.dash)
        drawing.circle(x + 14, y, 3, look.color)
        drawing.text(x + 35, y + 4, subject)


def legend_height(subjects):
    return (len(subjects) + 2) // 3 * LEGEND_ROW


def line_panel(drawing, figures, left, y_scale, subjects):
    """One line a subject over the number of nodes; whiskers from the worst round to the best."""
    figures = sorted(figures, key=nodes_of)
    right = left + PANEL_WIDTH
    x_scale = LogScale([nodes_of(figure) for figure in figures], left, right)
    for tick in y_scale.ticks():
        drawing.line(left, y_scale(tick), right, y_scale(tick), FAINT)
        drawing.text(left - 6, y_scale(tick) + 4, short(tick), "end")
    for figure in figures:
        x = x_scale(nodes_of(figure))
        drawing.text(x, y_scale.start + 16, str(nodes_of(figure)), "middle")
    drawing.line(left, y_scale.start, right, y_scale.start)
    for position, subject in enumerate(subjects):
        look = look_of(subject)
        points = []
        for figure in figures:
            summary = figure["subjects"].get(subject)
            if summary is None:
                continue
            # A little beside each other, so that whiskers can be told apart.
            x = x_scale(nodes_of(figure)) + (position - len(subjects) / 2) * 1.6
            points.append((x, y_scale(summary["median"])))
            drawing.line(x, y_scale(summary["min"]), x, y_scale(summary["max"]), look.color, 1)
            for mode in summary.get("modes", []):
                drawing.circle(x, y_scale(mode), 3, look.color, hollow=True)
        drawing.polyline(points, look.color, look.width, look.dash)
        for x, y in points:
            drawing.circle(x, y, 3, look.color)


def lines(title, figures, axis, path):
    """Panels for each placement, side by side, on one vertical scale."""
    placements = sorted({figure["cores"] for figure in figures})
    subjects = subjects_of(figures)
    bottom = TITLE_HEIGHT + 24 + PANEL_HEIGHT
    width = MARGIN_LEFT + len(placements) * (PANEL_WIDTH + PANEL_GAP) - PANEL_GAP + 20
    drawing = Drawing(width, bottom + 62 + legend_height(subjects))
    drawing.text(MARGIN_LEFT, 22, f"{title}: {figures[0]['unit']}", size=15, bold=True)
    values = [
        value
        for figure in figures
        for summary in figure["subjects"].values()
        for value in values_of(summary)
    ]
    y_scale = LogScale(values, bottom, TITLE_HEIGHT + 24)
    for index, placement in enumerate(placements):
        left = MARGIN_LEFT + index * (PANEL_WIDTH + PANEL_GAP)
        drawing.text(left, TITLE_HEIGHT + 14, placement, bold=True)
        panel = [figure for figure in figures if figure["cores"] == placement]
        line_panel(drawing, panel, left, y_scale, subjects)
        drawing.text(left + PANEL_WIDTH / 2, bottom + 34, axis, "middle")
    legend(drawing, subjects, bottom + 56)
    drawing.save(path)


def bar(drawing, summary, subject, scale, y):
    look = look_of(subject)
    middle = y + BAR_HEIGHT / 2 - 1
    drawing.rectangle(scale.start, y, scale(summary["median"]) - scale.start, BAR_HEIGHT - 4, look.color)
    drawing.line(scale(summary["min"]), middle, scale(summary["max"]), middle, "#555555", 1.5)
    words = "|".join(short(value) for value in centres_of(summary))
    drawing.text(scale(summary["max"]) + 6, middle + 4, words)


def bars(title, figures, path):
    """One bar a subject, one group a row and placement, on one horizontal scale."""
    label_width = 250
    drawing = Drawing(900, 0)
    values = [
        value
        for figure in figures
        for summary in figure["subjects"].values()
        for value in values_of(summary)
    ]
    scale = LinearScale(values, label_width, drawing.width - 80)
    y = TITLE_HEIGHT
    drawing.text(12, 22, f"{title}: {figures[0]['unit']}", size=15, bold=True)
    for figure in figures:
        y += 20
        drawing.text(12, y, ", ".join(filter(None, [figure["row"], figure["cores"]])), bold=True)
        y += 6
        for subject, summary in figure["subjects"].items():
            drawing.text(label_width - 8, y + BAR_HEIGHT - 6, subject, "end")
            bar(drawing, summary, subject, scale, y)
            y += BAR_HEIGHT
    drawing.height = y + 14
    drawing.save(path)


PART_COLORS = ["#e69f00", "#a9d3ee", "#0072b2", "#009e73"]


def stacked(title, figures, parts, path):
    """One bar a subject, in parts: figures whose rows are `parts` have the same subjects."""
    label_width = 220
    by_row = {figure["row"]: figure["subjects"] for figure in figures}
    parts = [part for part in parts if part in by_row]
    subjects = list(by_row[parts[0]])
    totals = [sum(by_row[part][subject]["median"] for part in parts) for subject in subjects]
    drawing = Drawing(900, TITLE_HEIGHT + 24 + len(subjects) * (BAR_HEIGHT + 6) + 30)
    scale = LinearScale(totals, label_width, drawing.width - 80)
    drawing.text(12, 22, f"{title}: {figures[0]['unit']}", size=15, bold=True)
    y = TITLE_HEIGHT + 14
    for subject, total in zip(subjects, totals):
        drawing.text(label_width - 8, y + BAR_HEIGHT - 4, subject, "end")
        reached = 0
        for part, color in zip(parts, PART_COLORS):
            value = by_row[part][subject]["median"]
            drawing.rectangle(
                scale(reached), y, scale(reached + value) - scale(reached), BAR_HEIGHT, color
            )
            reached += value
        drawing.text(scale(total) + 6, y + BAR_HEIGHT - 4, short(total))
        y += BAR_HEIGHT + 6
    for index, (part, color) in enumerate(zip(parts, PART_COLORS)):
        x = 30 + index * 210
        row = y + 10
        drawing.rectangle(x, row, 14, 12, color)
        drawing.text(x + 20, row + 11, part)
    drawing.save(path)


def goodness(comparison, value):
    """How far beyond its target a value is: above 1 is met."""
    ratio = value / comparison["target"]
    return ratio if comparison["better"] == "higher" else 1 / ratio


def targets(comparisons, path):
    """Each target's ratio to itself: right of the line is met; whiskers are the rounds' extremes."""
    label_width = 560
    judged = [
        comparison
        for comparison in comparisons
        if comparison.get("target") and comparison["value"]["min"] > 0
    ]
    drawing = Drawing(1120, TITLE_HEIGHT + len(judged) * BAR_HEIGHT + 56)
    values = [goodness(each, value) for each in judged for value in values_of(each["value"])]
    scale = LogScale(values + [0.5, 2], label_width, drawing.width - 110)
    bottom = TITLE_HEIGHT + 10 + len(judged) * BAR_HEIGHT
    drawing.text(12, 22, "Targets: how many times each is reached", size=15, bold=True)
    for tick in scale.ticks():
        drawing.line(scale(tick), TITLE_HEIGHT, scale(tick), bottom, FAINT)
        drawing.text(scale(tick), bottom + 18, short(tick), "middle")
    drawing.line(scale(1), TITLE_HEIGHT, scale(1), bottom, width=1.5)
    y = TITLE_HEIGHT + 14
    for each in judged:
        color = "#009e73" if each["met"] else "#d55e00"
        extremes = [goodness(each, each["value"][end]) for end in ("min", "max")]
        drawing.text(label_width - 12, y + 4, each["name"], "end", size=11)
        drawing.line(scale(extremes[0]), y, scale(extremes[1]), y, color, 1.5)
        drawing.circle(scale(goodness(each, each["value"]["median"])), y, 4, color)
        sign = "≥" if each["better"] == "higher" else "≤"
        words = f"{short(each['value']['median'])} ({sign} {short(each['target'])})"
        drawing.text(drawing.width - 104, y + 4, words, size=11)
        y += BAR_HEIGHT
    drawing.save(path)
