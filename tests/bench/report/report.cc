#include "report/report.h"

#include <fmt/core.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <vector>

#include "report/json_file.h"

namespace bench {

namespace {

// Three significant digits, large values in thousands or millions.
std::string short_number(double value) {
    if (std::isnan(value)) return "n/a";
    std::string suffix;
    if (std::abs(value) >= 1e6) {
        value /= 1e6;
        suffix = "M";
    } else if (std::abs(value) >= 1e4) {
        value /= 1e3;
        suffix = "k";
    }
    const int decimals = std::abs(value) >= 100 ? 0 : std::abs(value) >= 10 ? 1 : 2;
    return fmt::format("{:.{}f}{}", value, decimals, suffix);
}

std::string describe(const std::optional<Distribution>& value) {
    if (!value) return "n/a";
    const std::string centre =
        value->modes ? short_number(value->modes->first) + "|" + short_number(value->modes->second)
                     : short_number(value->median);
    if (value->min == value->max) return centre;
    return fmt::format("{} ({}..{})", centre, short_number(value->min), short_number(value->max));
}

// A table with a column of labels; as wide as its contents.
class Table {
  public:
    void add_row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
    void print() const {
        for (const auto& row : rows_) {
            std::string line;
            for (std::size_t column = 0; column < row.size(); ++column) {
                line += fmt::format("{:<{}}  ", row[column], width(column));
            }
            fmt::print("  {}\n", line.substr(0, line.find_last_not_of(' ') + 1));
        }
    }

  private:
    std::size_t width(std::size_t column) const {
        std::size_t widest = 0;
        for (const auto& row : rows_) {
            if (column < row.size()) widest = std::max(widest, row[column].size());
        }
        return widest;
    }

    std::vector<std::vector<std::string>> rows_;
};

std::vector<std::string> tables_of(const Results& results) {
    std::vector<std::string> tables;
    for (const Figure& figure : results.figures()) {
        if (figure.subjects().empty()) continue;
        if (std::find(tables.begin(), tables.end(), figure.table()) == tables.end()) {
            tables.push_back(figure.table());
        }
    }
    return tables;
}

std::vector<const Figure*> figures_of(const Results& results, const std::string& table) {
    std::vector<const Figure*> figures;
    for (const Figure& figure : results.figures()) {
        if (figure.table() == table) figures.push_back(&figure);
    }
    return figures;
}

// One row a subject, one column a figure.
void print_table(const std::string& table, const std::vector<const Figure*>& figures) {
    fmt::print("\n{} [{}]\n", table, figures.front()->quantity().unit);
    Table rows;
    std::vector<std::string> head = {""};
    std::vector<std::string> subjects;
    for (const Figure* figure : figures) {
        head.push_back(figure->row());
        for (const Figure::Subject& subject : figure->subjects()) {
            if (std::find(subjects.begin(), subjects.end(), subject.name) == subjects.end()) {
                subjects.push_back(subject.name);
            }
        }
    }
    rows.add_row(head);
    for (const std::string& subject : subjects) {
        std::vector<std::string> cells = {subject};
        for (const Figure* figure : figures) {
            cells.push_back(describe(distribution_of(figure->rounds_of(subject))));
        }
        rows.add_row(cells);
    }
    rows.print();
}

std::string verdict(const Comparison& comparison) {
    if (!comparison.target) return "";
    return fmt::format("target {} {}: {}",
                       comparison.better == Better::higher ? ">=" : "<=", *comparison.target,
                       comparison.met() ? "met" : "MISSED");
}

void print_comparisons(const Results& results) {
    if (results.comparisons().empty()) return;
    fmt::print("\nratios of the same round: median (min..max), or both modes low|high\n");
    Table rows;
    for (const Comparison& comparison : results.comparisons()) {
        rows.add_row({comparison.name, describe(comparison.value), verdict(comparison)});
    }
    rows.print();
}

nlohmann::ordered_json machine() {
    utsname system;
    ::uname(&system);
    return {{"kernel", system.release},
            {"machine", system.machine},
            {"cores", ::sysconf(_SC_NPROCESSORS_ONLN)}};
}

nlohmann::ordered_json to_json(const Distribution& value) {
    nlohmann::ordered_json json = {
        {"median", value.median}, {"min", value.min}, {"max", value.max}};
    if (value.modes) json["modes"] = {value.modes->first, value.modes->second};
    return json;
}

nlohmann::ordered_json to_json(const Figure& figure) {
    const Figure::Quantity& quantity = figure.quantity();
    nlohmann::ordered_json subjects = nlohmann::ordered_json::object();
    for (const Figure::Subject& subject : figure.subjects()) {
        const auto value = distribution_of(subject.rounds);
        if (!value) continue;
        subjects[subject.name] = to_json(*value);
        subjects[subject.name]["rounds"] = subject.rounds;
    }
    return {{"title", quantity.title},
            {"cores", quantity.placement ? std::string(name_of(*quantity.placement)) : ""},
            {"row", quantity.row},
            {"unit", quantity.unit},
            {"better", quantity.better == Better::higher ? "higher" : "lower"},
            {"subjects", subjects}};
}

nlohmann::ordered_json to_json(const Comparison& comparison) {
    nlohmann::ordered_json json = {
        {"name", comparison.name},
        {"better", comparison.better == Better::higher ? "higher" : "lower"},
        {"value", to_json(comparison.value)}};
    if (comparison.target) {
        json["target"] = *comparison.target;
        json["met"] = comparison.met();
    }
    return json;
}

}  // namespace

void print_report(const Results& results) {
    for (const std::string& table : tables_of(results)) {
        print_table(table, figures_of(results, table));
    }
    print_comparisons(results);
    fmt::print("\n");
    for (const std::string& note : results.notes()) fmt::print("note: {}\n", note);
    for (const Failure& failure : results.failures()) {
        fmt::print("FAILED: {}\n", failure.words);
    }
}

void write_json(const Results& results, const std::string& file) {
    nlohmann::ordered_json json = {{"machine", machine()}, {"notes", results.notes()}};
    for (const Failure& failure : results.failures()) json["failures"].push_back(failure.words);
    for (const Figure& figure : results.figures()) json["figures"].push_back(to_json(figure));
    for (const Comparison& comparison : results.comparisons()) {
        json["comparisons"].push_back(to_json(comparison));
    }
    write_json_file(json, file);
}

}  // namespace bench
