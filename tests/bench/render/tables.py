"""The results as Markdown: a table of every figure, and all comparisons."""

from svg import short


def describe(summary):
    """The median, or both modes low|high; then the spread over the rounds."""
    if summary is None:
        return ""
    words = " \\| ".join(short(value) for value in summary.get("modes", [summary["median"]]))
    if summary["min"] == summary["max"]:
        return words
    return f"{words} ({short(summary['min'])}..{short(summary['max'])})"


def table(head, rows):
    lines = ["| " + " | ".join(cells) + " |" for cells in [head, ["---"] * len(head), *rows]]
    return "\n".join(lines) + "\n"


def heading(figure):
    cores = f", {figure['cores']}" if figure["cores"] else ""
    return f"{figure['title']}{cores}"


def figure_tables(figures):
    """One table for all figures of a title and placement: a row a subject, a column a figure."""
    groups = {}
    for figure in figures:
        groups.setdefault((heading(figure), figure["unit"]), []).append(figure)
    for (title, unit), group in groups.items():
        subjects = dict.fromkeys(subject for figure in group for subject in figure["subjects"])
        rows = [
            [subject, *(describe(figure["subjects"].get(subject)) for figure in group)]
            for subject in subjects
        ]
        yield f"### {title} [{unit}]\n\n" + table(["", *(each["row"] for each in group)], rows)


def target_words(comparison):
    if "target" not in comparison:
        return ["", ""]
    sign = "≥" if comparison["better"] == "higher" else "≤"
    return [f"{sign} {short(comparison['target'])}", "met" if comparison["met"] else "**missed**"]


def comparison_table(comparisons):
    rows = [[each["name"], describe(each["value"]), *target_words(each)] for each in comparisons]
    return table(["", "median (min..max)", "target", ""], rows)


def document(results):
    """All of it."""
    machine = results["machine"]
    judged = [each for each in results["comparisons"] if "target" in each]
    parts = [
        "# The last full run, in figures\n",
        "Written by `tools/bench`; [README.md](README.md) explains it. "
        f"{machine['cores']} cores, {machine['machine']}, Linux {machine['kernel']}. "
        "Medians of the rounds; where these fall into two groups, both, as low \\| high; in "
        "parentheses the smallest and the largest.\n",
        "## Targets\n",
        comparison_table(judged),
        "## Ratios of the same round\n",
        comparison_table([each for each in results["comparisons"] if "target" not in each]),
        "## Figures\n",
        *figure_tables(results["figures"]),
        "## Notes\n",
        "\n".join(f"- {note}" for note in results["notes"]) + "\n",
    ]
    if results.get("failures"):
        parts += ["## Not measured\n", "\n".join(f"- {each}" for each in results["failures"]) + "\n"]
    return "\n".join(parts)
