// What a network has because of its policy: views in policy/, and a directory of endpoints.
#include <dirent.h>
#include <sys/stat.h>

#include "policy_test.h"

namespace ipn::test {
namespace {

using testing::ElementsAre;

class PolicyTreeTest : public PolicyProtoTest {
  protected:
    // The names in a directory, each behind the type that is listed for it.
    std::vector<std::string> names(std::string_view path) {
        const std::uint64_t node = mount.node(path);
        const Answer opened = call(ask::opendir(node));
        const std::string data =
            call(ask::readdir(node, opened.as<fuse_open_out>().fh, 0, 65536)).data;
        std::vector<std::string> found;
        for (std::size_t at = 0; at < data.size();) {
            fuse_dirent entry{};
            std::memcpy(&entry, data.data() + at, sizeof entry);
            const std::string_view name(data.data() + at + FUSE_NAME_OFFSET, entry.namelen);
            const char type = entry.type == DT_DIR ? 'd' : entry.type == DT_CHR ? 'c' : '-';
            if (!name.starts_with('.')) found.push_back(type + (" " + std::string(name)));
            at += FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET + entry.namelen);
        }
        return found;
    }
    Answer open_code(std::string_view path, int flags) {
        return call(ask::open(mount.node(path), flags));
    }
    std::string words_on(std::string_view path) { return mount.get(mount.node(path), "error"); }
    unsigned mode(std::string_view path) { return mount.look_up(path).attr.mode; }
};

// ---- views

TEST_F(PolicyTreeTest, ViewsAreListedAndRead) {
    EXPECT_THAT(names("lab"),
                ElementsAre("c port", "c framed", "c capture.pcap", "d ports", "d tap", "d grab",
                            "c oob", "d policy", "- stats", "d rooms"));
    EXPECT_THAT(names("lab/policy"), ElementsAre("- calls", "- broken"));
    policy.calls = {"one", "two"};
    File view = mount.open("lab/policy/calls", O_RDONLY);
    policy.calls = {"three"};
    EXPECT_EQ(view.read(4), packet("one\n")) << "as it was when it was opened";
    EXPECT_EQ(call(ask::read(view.handle, 100, 0, 4)), packet("two\n"));
    EXPECT_EQ(call(ask::read(view.handle, 100, 0, 8)), nothing());
}

TEST_F(PolicyTreeTest, AViewThatCannotBeShown) {
    EXPECT_EQ(open_code("lab/policy/broken", O_RDONLY), error(EIO));
    EXPECT_EQ(words_on("lab/policy/broken"), "it is broken");
}

TEST_F(PolicyTreeTest, AViewThatIsTooLongIsNotShownInPart) {
    constexpr std::size_t kMax = 16 << 20;
    policy.calls = {std::string(kMax - 1, 'x')};  // and the end of the line
    EXPECT_EQ(open_code("lab/policy/calls", O_RDONLY).error, 0);
    policy.calls = {std::string(kMax, 'x')};
    EXPECT_EQ(open_code("lab/policy/calls", O_RDONLY), error(EFBIG));
    EXPECT_EQ(words_on("lab/policy/calls"), "it is too long to be shown");
    policy.calls.clear();
}

TEST_F(PolicyTreeTest, ViewsAreOnlyRead) {
    for (const int flags : {O_WRONLY, O_RDWR})
        EXPECT_EQ(open_code("lab/policy/calls", flags), error(EPERM));
    EXPECT_EQ(mode("lab/policy/calls"), static_cast<unsigned>(S_IFREG | 0444));
    EXPECT_EQ(mode("lab/policy"), static_cast<unsigned>(S_IFDIR | 0755));
    const std::uint64_t directory = mount.node("lab/policy");
    EXPECT_EQ(call(ask::unlink(directory, "calls")), error(EPERM));
    EXPECT_EQ(call(ask::create(directory, "new", O_WRONLY)), error(EPERM));
    EXPECT_EQ(call(ask::mkdir(directory, "new")), error(EPERM));
}

TEST_F(PolicyTreeTest, ThePermissionsOfAViewAreItsOwn) {
    const std::uint64_t calls = mount.node("lab/policy/calls");
    EXPECT_EQ(call(ask::chmod(calls, 0400)).error, 0);
    EXPECT_EQ(mode("lab/policy/calls"), static_cast<unsigned>(S_IFREG | 0400));
    EXPECT_EQ(mode("lab/policy/broken"), static_cast<unsigned>(S_IFREG | 0444));
}

TEST_F(PolicyTreeTest, WithAnotherPolicyItsFilesAreGone) {
    const std::uint64_t calls = mount.node("lab/policy/calls"), rooms = mount.node("lab/rooms"),
                        attic = mount.node("lab/rooms/attic");
    set("policy", "broadcast");
    EXPECT_THAT(names("lab"), ElementsAre("c port", "c framed", "c capture.pcap", "d ports",
                                          "d tap", "d grab", "c oob", "d policy", "- stats"));
    EXPECT_THAT(names("lab/policy"), ElementsAre());
    EXPECT_FALSE(mount.exists("lab/policy/calls"));
    EXPECT_FALSE(mount.exists("lab/rooms"));
    const auto all_gone = [&] {
        for (const std::uint64_t node : {calls, rooms, attic})
            EXPECT_EQ(call(ask::getattr(node)), error(ENOENT));
        EXPECT_EQ(call(ask::open(calls, O_RDONLY)), error(ENOENT));
        EXPECT_EQ(call(ask::open(attic, O_RDWR)), error(ENOENT));
        EXPECT_EQ(call(ask::lookup(rooms, "attic")), error(ENOENT));
    };
    all_gone();
    set("policy", "full");
    all_gone();
    EXPECT_TRUE(mount.exists("lab/policy/calls"));
}

TEST_F(PolicyTreeTest, ANetworkHasAsManyLinksAsItHasDirectories) {
    EXPECT_EQ(mount.look_up("lab").attr.nlink, 7U);
    set("policy", "broadcast");
    EXPECT_EQ(mount.look_up("lab").attr.nlink, 6U);
}

// ---- endpoints

TEST_F(PolicyTreeTest, EveryNameThatThePolicyKnowsCanBeOpened) {
    EXPECT_TRUE(mount.exists("lab/rooms/attic"));
    EXPECT_TRUE(mount.exists("lab/rooms/anything"));
    EXPECT_FALSE(mount.exists("lab/rooms/Attic"));
    File attic = mount.open("lab/rooms/attic", O_RDWR);
    EXPECT_THAT(policy.take_calls(), ElementsAre("newport any", "postnewport 0", "open 0 attic"));
    EXPECT_EQ(mount.get(attic.node, "number"), "0");
    File other = reader();
    EXPECT_EQ(attic.write("hello"), written(5));
    EXPECT_EQ(other.read(), packet("hello"));
    EXPECT_EQ(attic.close().error, 0);
    EXPECT_EQ(lab().nodes(), 1U);
}

TEST_F(PolicyTreeTest, TheRoleIsThatOfTheOpen) {
    File attic = mount.open("lab/rooms/attic", O_RDONLY);
    EXPECT_EQ(mount.get(attic.node, "role"), "reader");
}

TEST_F(PolicyTreeTest, AnEndpointThatThePolicyRefusesLeavesNobodyConnected) {
    policy.open_answer = -EUSERS;
    EXPECT_EQ(open_code("lab/rooms/attic", O_RDWR), error(EUSERS));
    EXPECT_EQ(words_on("lab/rooms/attic"), "the room is full");
    EXPECT_EQ(lab().nodes(), 0U);
    EXPECT_THAT(policy.take_calls(), ElementsAre("newport any", "postnewport 0", "open 0 attic",
                                                 "predelport 0", "delport", "resetport 0"));
}

TEST_F(PolicyTreeTest, ThoseInUseAreListed) {
    EXPECT_THAT(names("lab/rooms"), ElementsAre("c attic", "c cellar"));
}

TEST_F(PolicyTreeTest, ANameThatThePolicyDoesNotKnowCannotBeMade) {
    const std::uint64_t rooms = mount.node("lab/rooms");
    EXPECT_EQ(call(ask::create(rooms, "Attic", O_WRONLY)), error(EINVAL));
    EXPECT_EQ(words_on("lab/rooms"), "the policy knows no such name");
    EXPECT_EQ(call(ask::mknod(rooms, "Attic")), error(EINVAL));
    EXPECT_EQ(call(ask::unlink(rooms, "attic")), error(EPERM));
    EXPECT_EQ(call(ask::mkdir(rooms, "attic")), error(EPERM));
}

TEST_F(PolicyTreeTest, EachNameHasItsOwnPermissions) {
    EXPECT_EQ(mode("lab/rooms"), static_cast<unsigned>(S_IFDIR | 0755));
    EXPECT_EQ(mode("lab/rooms/attic"), static_cast<unsigned>(S_IFREG | 0644));
    EXPECT_EQ(call(ask::chmod(mount.node("lab/rooms/attic"), 0600)).error, 0);
    EXPECT_EQ(mode("lab/rooms/attic"), static_cast<unsigned>(S_IFREG | 0600));
    EXPECT_EQ(mode("lab/rooms/cellar"), static_cast<unsigned>(S_IFREG | 0644));
    EXPECT_EQ(mode("lab/port"), static_cast<unsigned>(S_IFREG | 0644));
    mount.commit.fail_with({EIO, "the disk is full"});
    EXPECT_EQ(call(ask::chmod(mount.node("lab/rooms/cellar"), 0600)), error(EIO));
    EXPECT_EQ(mode("lab/rooms/cellar"), static_cast<unsigned>(S_IFREG | 0644));
}

TEST_F(PolicyTreeTest, NotTooManyNamesHaveTheirOwnPermissions) {
    constexpr int kMax = 4096, kLetters = 26;
    const auto nth = [](int n) {
        std::string name = "room";
        for (; n > 0; n /= kLetters) name += static_cast<char>('a' + n % kLetters);
        return "lab/rooms/" + name;
    };
    for (int n = 0; n < kMax; ++n)
        ASSERT_EQ(call(ask::chmod(mount.node(nth(n)), 0600)).error, 0) << n;
    EXPECT_EQ(call(ask::chmod(mount.node(nth(kMax)), 0600)), error(ENOSPC));
    EXPECT_EQ(call(ask::chmod(mount.node(nth(0)), 0640)).error, 0) << "known";
}

TEST_F(PolicyTreeTest, ShownNumbersDiffer) {
    const auto number = [&](std::string_view path) { return mount.look_up(path).attr.ino; };
    EXPECT_EQ(number("lab/rooms/attic"), number("lab/rooms/attic"));
    EXPECT_NE(number("lab/rooms/attic"), number("lab/rooms/cellar"));
    EXPECT_NE(number("lab/policy/calls"), number("lab/policy/broken"));
    call(ask::mkdir(ask::kRoot, "other"));
    set("policy", "full");
    mount.set(mount.node("other"), "policy", "full");
    EXPECT_NE(number("lab/rooms/attic"), number("other/rooms/attic"));
}

}  // namespace
}  // namespace ipn::test
