// What the guard of CI takes for a regression.
#include "report/recorded.h"

#include <gtest/gtest.h>

#include "harness/temporary_directory.h"
#include "report/json_file.h"

namespace bench {
namespace {

// One figure with one ratio of two subjects, called "speed, N=1: ours / naive hub".
Results results_with(Better better, double ours, double theirs,
                     const char* reference = "naive hub") {
    Results results;
    results.begin_section("fanout");
    Figure& figure =
        results.add_figure({.title = "speed", .row = "N=1", .unit = "/s", .better = better});
    figure.add("ours", ours);
    figure.add(reference, theirs);
    results.compare(figure, "ours", reference);
    return results;
}

class Recorded : public ::testing::Test {
  protected:
    void record_ratio(double ratio) {
        write_json_file({{"speed, N=1: ours / naive hub", ratio}}, file_);
    }

    TemporaryDirectory directory_{"/tmp"};
    std::string file_ = directory_.path() + "/recorded.json";
};

TEST_F(Recorded, ToleratesAQuarter) {
    record_ratio(2);
    EXPECT_TRUE(regressions(results_with(Better::higher, 1.51, 1), file_).empty());
    EXPECT_EQ(regressions(results_with(Better::higher, 1.49, 1), file_).size(), 1u);
}

TEST_F(Recorded, ToleratesMoreBesideWhatIsNotTheNaiveHub) {
    write_json_file({{"speed, N=1: ours / sockets", 2}}, file_);
    EXPECT_TRUE(regressions(results_with(Better::higher, 0.81, 1, "sockets"), file_).empty());
    EXPECT_EQ(regressions(results_with(Better::higher, 0.79, 1, "sockets"), file_).size(), 1u);
}

TEST_F(Recorded, KnowsWhereLowerIsBetter) {
    record_ratio(2);
    EXPECT_TRUE(regressions(results_with(Better::lower, 2.6, 1), file_).empty());
    EXPECT_EQ(regressions(results_with(Better::lower, 2.7, 1), file_).size(), 1u);
    EXPECT_TRUE(regressions(results_with(Better::lower, 0.5, 1), file_).empty());
}

TEST_F(Recorded, JudgesOnlyWhatIsRecorded) {
    write_json_file(nlohmann::ordered_json::object(), file_);
    EXPECT_TRUE(regressions(results_with(Better::higher, 0.1, 1), file_).empty());
}

TEST_F(Recorded, RemembersThisRunsRatiosBesideOthers) {
    write_json_file({{"another", 7}}, file_);
    record(results_with(Better::higher, 3, 2), file_);
    const auto recorded = read_json_file(file_);
    EXPECT_EQ(recorded["another"], 7);
    EXPECT_EQ(recorded["speed, N=1: ours / naive hub"], 1.5);
}

TEST_F(Recorded, AMissedAbsoluteTargetIsARegression) {
    record_ratio(1);
    Results results;
    Figure& figure = results.add_figure(
        {.title = "memory", .row = "idle", .unit = "MiB", .better = Better::lower});
    figure.add("ours", 9);
    results.judge(figure, "ours", 8);
    EXPECT_EQ(regressions(results, file_).size(), 1u);
}

TEST_F(Recorded, SoIsWhatCouldNotBeMeasured) {
    record_ratio(1);
    Results results;
    results.add_failure("no switch", true);
    results.add_failure("no mount");
    EXPECT_EQ(regressions(results, file_).size(), 1u);
}

TEST_F(Recorded, WhatIsWrongOnceOnlyIsNotConfirmed) {
    const std::vector<Regression> first = {{"a", "fanout", "a: 1"}, {"b", "fanout", "b: 1"}};
    const std::vector<Regression> second = {{"b", "fanout", "b: 2"}, {"c", "fanout", "c: 2"}};
    const auto both = confirmed(first, second);
    ASSERT_EQ(both.size(), 1u);
    EXPECT_EQ(both.front().words, "b: 2");
}

TEST_F(Recorded, ARegressionNamesTheSectionToMeasureAgain) {
    record_ratio(10);
    EXPECT_EQ(regressions(results_with(Better::higher, 1, 1), file_).front().section, "fanout");
}

}  // namespace
}  // namespace bench
