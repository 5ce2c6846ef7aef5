// Results: what one run of the suite has measured.
//
// A figure is one quantity (a row of a table) of several subjects (its columns), measured in
// rounds: all subjects once, then all again. A comparison is what is published of it: the ratio of
// two subjects *in the same round*, for each round; or one subject's value itself, where the target
// is an absolute one. A round that failed has the value NaN and a note that says why.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "harness/cores.h"
#include "report/distribution.h"

namespace bench {

enum class Better { higher, lower };

class Figure {
  public:
    struct Subject {
        std::string name;
        std::vector<double> rounds;
    };
    struct Quantity {
        std::string title;
        std::optional<Placement> placement{};
        std::string row;
        std::string unit;
        Better better;
    };

    explicit Figure(Quantity quantity) : quantity_(std::move(quantity)) {}

    void add(const std::string& subject, double value);

    const Quantity& quantity() const { return quantity_; }
    std::string table() const;  // that it belongs to: title and placement
    const std::string& row() const { return quantity_.row; }
    const std::vector<Subject>& subjects() const { return subjects_; }
    // No rounds if the subject was not measured.
    std::vector<double> rounds_of(const std::string& subject) const;

  private:
    Quantity quantity_;
    std::vector<Subject> subjects_;
};

struct Comparison {
    std::string name;     // unique and stable: the key in the recorded file
    std::string section;  // of the suite, which measured it
    Better better;
    bool is_ratio;  // false: an absolute value
    Distribution value;
    std::optional<double> target;  // at least, or at most where lower is better

    bool met() const;
};

struct Failure {
    std::string section;
    std::string words;
    bool of_peer = false;  // it was not ipnfs that could not be measured
};

class Results {
  public:
    // What is added from now on belongs to that section.
    void begin_section(std::string name) { section_ = std::move(name); }
    Figure& add_figure(Figure::Quantity quantity);
    // Subjects that were not measured, or never in the same round, give no comparison.
    void compare(const Figure& figure, const std::string& subject, const std::string& reference,
                 std::optional<double> target = std::nullopt);
    void judge(const Figure& figure, const std::string& subject, double target);
    void add_note(std::string text) { notes_.push_back(std::move(text)); }
    void add_failure(std::string words, bool of_peer = false) {
        failures_.push_back({section_, std::move(words), of_peer});
    }

    const std::deque<Figure>& figures() const { return figures_; }
    const std::vector<Comparison>& comparisons() const { return comparisons_; }
    const std::vector<std::string>& notes() const { return notes_; }
    const std::vector<Failure>& failures() const { return failures_; }

  private:
    std::deque<Figure> figures_;  // references to its elements stay valid
    std::vector<Comparison> comparisons_;
    std::vector<std::string> notes_;
    std::vector<Failure> failures_;
    std::string section_;
};

}  // namespace bench
