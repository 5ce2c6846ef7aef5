// List: elements join and leave in O(1), by themselves if they are destroyed.
#include "core/list.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace ipn::core {
namespace {

struct Tag;
struct OtherTag;
struct Element : ListHook<Tag>, ListHook<OtherTag> {
    explicit Element(int n) : number(n) {}
    int number;
};
using Numbers = List<Element, Tag>;

TEST(ListTest, IsEmptyAtFirst) {
    const Numbers list;
    EXPECT_TRUE(list.empty());
}

TEST(ListTest, GivesElementsBackInTheOrderInWhichTheyCame) {
    Numbers list;
    Element first(1), second(2), third(3);
    list.push_back(first);
    list.push_back(second);
    list.push_back(third);
    EXPECT_EQ(list.pop_front().number, 1);
    EXPECT_EQ(list.pop_front().number, 2);
    EXPECT_EQ(list.pop_front().number, 3);
    EXPECT_TRUE(list.empty());
}

TEST(ListTest, AnElementLeavesFromTheMiddle) {
    Numbers list;
    Element first(1), second(2), third(3);
    list.push_back(first);
    list.push_back(second);
    list.push_back(third);
    second.ListHook<Tag>::unlink();
    EXPECT_FALSE(second.ListHook<Tag>::linked());
    EXPECT_EQ(list.pop_front().number, 1);
    EXPECT_EQ(list.pop_front().number, 3);
}

TEST(ListTest, LeavingTwiceDoesNothing) {
    Numbers list;
    Element element(1);
    list.push_back(element);
    element.ListHook<Tag>::unlink();
    element.ListHook<Tag>::unlink();
    EXPECT_TRUE(list.empty());
}

TEST(ListTest, AnElementThatIsDestroyedLeaves) {
    Numbers list;
    Element stays(1);
    auto goes = std::make_unique<Element>(2);
    list.push_back(*goes);
    list.push_back(stays);
    goes.reset();
    EXPECT_EQ(list.front().number, 1);
}

TEST(ListTest, AListThatIsDestroyedLetsItsElementsGo) {
    Element element(1);
    {
        Numbers list;
        list.push_back(element);
    }
    EXPECT_FALSE(element.ListHook<Tag>::linked());
}

TEST(ListTest, AnElementCanBeOnSeveralListsAtOnce) {
    Numbers list;
    List<Element, OtherTag> other;
    Element element(1);
    list.push_back(element);
    other.push_back(element);
    list.pop_front();
    EXPECT_EQ(&other.front(), &element);
}

TEST(ListTest, ShowsEveryElementInOrderAndKeepsThem) {
    Numbers list;
    list.for_each([](Element&) { FAIL() << "there is none"; });
    Element first(1), second(2);
    list.push_back(first);
    list.push_back(second);
    std::vector<int> seen;
    list.for_each([&](Element& element) { seen.push_back(element.number); });
    EXPECT_EQ(seen, (std::vector{1, 2}));
    EXPECT_EQ(&list.front(), &first);
}

TEST(ListTest, TakesAllOfAnotherBehindItsOwn) {
    Numbers list, other;
    Element first(1), second(2), third(3);
    list.push_back(first);
    other.push_back(second);
    other.push_back(third);
    list.take_all(other);
    EXPECT_TRUE(other.empty());
    EXPECT_EQ(list.pop_front().number, 1);
    EXPECT_EQ(list.pop_front().number, 2);
    EXPECT_EQ(list.pop_front().number, 3);
}

TEST(ListDeathTest, AnElementCannotBeOnOneListTwice) {
    Numbers list;
    Element element(1);
    list.push_back(element);
    EXPECT_DEATH(list.push_back(element), "check failed");
}

}  // namespace
}  // namespace ipn::core
