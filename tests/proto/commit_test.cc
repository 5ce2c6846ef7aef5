// The commit gate: a call that changes something returns when the change is safe, and changes
// nothing if it cannot be made safe.
#include <functional>
#include <sstream>

#include "ipn/ipn.h"
#include "proto_test.h"

namespace ipn::test {
namespace {

class CommitTest : public ProtoTest {
  public:
    static constexpr const char* kWords = "the disk is full";

    void break_disk() { mount.commit.fail_with({EIO, kWords}); }

    // Everything that must last, as text.
    std::string state();
    void end_every_network();

    using ProtoTest::call;
    using ProtoTest::lab_node;
    using ProtoTest::mount;
    using ProtoTest::ports_node;
    using ProtoTest::reader;
};

std::ostream& operator<<(std::ostream& out, const core::Ownership& of) {
    return out << ' ' << std::oct << of.mode << std::dec << ' ' << of.uid << ':' << of.gid << '\n';
}

void describe(std::ostream& out, const core::NetworkOptions& options) {
    for (const core::Option& option : core::options())
        out << option.name << '=' << option.show(options) << '\n';
}

void describe(std::ostream& out, core::Network& network) {
    out << network.name() << ' ' << network.id() << network.directory << network.port_file
        << network.ports_directory;
    describe(out, network.options());
    for (std::uint32_t number = 0; number < network.ports_end(); ++number) {
        if (const core::Reservation* kept = network.reservation(number))
            out << number << " reserved '" << kept->description << '\'' << kept->file;
        if (const core::Node* node = network.node_at(number))
            out << number << " connected '" << node->description() << '\'' << node->file;
    }
}

std::string CommitTest::state() {
    std::ostringstream out;
    const fuse_attr root = mount.stat(ask::kRoot);
    out << "root" << core::Ownership{root.mode, root.uid, root.gid};
    describe(out, mount.world.registry.defaults());
    for (const auto& [name, network] : mount.world.registry.by_name()) {
        EXPECT_EQ(name, network->name());
        describe(out, *network);
    }
    return out.str();
}

void CommitTest::end_every_network() {
    std::vector<core::Network*> networks;
    for (const auto& [name, network] : mount.world.registry.by_name()) networks.push_back(network);
    for (core::Network* network : networks) mount.world.shut_down(*network);
}

// ---- every kind of change

// The world before: reader at port 0; port 3 is reserved and has a description.
struct Mutation {
    const char* name;
    std::function<Message(CommitTest&)> message;
};

void PrintTo(const Mutation& mutation, std::ostream* out) {
    *out << mutation.name;
}

Message describe_by_ioctl(const File& port) {
    ipn_attr attribute{};
    std::string_view("descr").copy(attribute.name, sizeof attribute.name);
    attribute.value[0] = 'x';
    attribute.size = 1;
    return ask::ioctl(port.node, port.handle, IPN_IOC_SETATTR, raw(attribute), 0);
}

const Mutation kMutations[] = {
    {"Mkdir", [](CommitTest&) { return ask::mkdir(ask::kRoot, "new"); }},
    {"Rmdir", [](CommitTest&) { return ask::rmdir(ask::kRoot, "empty"); }},
    {"Rename", [](CommitTest&) { return ask::rename(ask::kRoot, "lab", ask::kRoot, "new"); }},
    {"ChmodRoot", [](CommitTest&) { return ask::chmod(ask::kRoot, 0700); }},
    {"ChmodNetwork", [](CommitTest& t) { return ask::chmod(t.lab_node(), 0700); }},
    {"ChownNetwork", [](CommitTest& t) { return ask::chown(t.lab_node(), 3, 4); }},
    {"ChmodPorts", [](CommitTest& t) { return ask::chmod(t.ports_node(), 0700); }},
    {"ChmodPort", [](CommitTest& t) { return ask::chmod(t.mount.node("lab/port"), 0600); }},
    {"ChmodReserved", [](CommitTest& t) { return ask::chmod(t.mount.node("lab/ports/3"), 0600); }},
    {"ChmodConnected", [](CommitTest& t) { return ask::chmod(t.mount.node("lab/ports/0"), 0600); }},
    {"Option",
     [](CommitTest& t) { return ask::setxattr(t.lab_node(), "user.ipn.eof", "last-writer"); }},
    {"OptionOfAnEmptyNetwork",
     [](CommitTest& t) { return ask::setxattr(t.mount.node("empty"), "user.ipn.mtu", "9000"); }},
    {"OptionToItsDefault",
     [](CommitTest& t) { return ask::removexattr(t.lab_node(), "user.ipn.short_read"); }},
    {"Default", [](CommitTest&) { return ask::setxattr(ask::kRoot, "user.ipn.mtu", "9000"); }},
    {"DescribeConnected",
     [](CommitTest& t) {
         return ask::setxattr(t.mount.node("lab/ports/0"), "user.ipn.descr", "x");
     }},
    {"DescribeByIoctl", [](CommitTest& t) { return describe_by_ioctl(t.reader()); }},
    {"DescribeReserved",
     [](CommitTest& t) {
         return ask::setxattr(t.mount.node("lab/ports/3"), "user.ipn.descr", "x");
     }},
    {"Mknod", [](CommitTest& t) { return ask::mknod(t.ports_node(), "5"); }},
    {"Create", [](CommitTest& t) { return ask::create(t.ports_node(), "5", O_RDWR); }},
    {"UnlinkReserved", [](CommitTest& t) { return ask::unlink(t.ports_node(), "3"); }},
};

class MutationTest : public CommitTest, public testing::WithParamInterface<Mutation> {
  protected:
    MutationTest() {
        mount.world.create("empty");
        reader();
        call(ask::mknod(ports_node(), "3", 0100666));
        mount.set(mount.node("lab/ports/3"), "descr", "kept");
        mount.set(lab_node(), "short_read", "truncate");
    }
    Message message() { return GetParam().message(*this); }
};

TEST_P(MutationTest, ReturnsOnlyWhenItIsSafe) {
    const Message change = message();
    const std::string before = state();
    mount.commit.hold();
    const Call pending = start(change);
    EXPECT_EQ(outcome(pending), kWaiting);
    EXPECT_EQ(mount.commit.waiting(), 1U);
    mount.commit.release();
    ASSERT_NE(outcome(pending), kWaiting);
    EXPECT_EQ(outcome(pending)->error, 0);
    EXPECT_NE(state(), before);
}

TEST_P(MutationTest, IsUndoneIfItCannotBeSaved) {
    const Message change = message();
    const std::string before = state();
    break_disk();
    EXPECT_EQ(call(change), error(EIO));
    EXPECT_EQ(state(), before);
}

TEST_P(MutationTest, IsUndoneLaterToo) {
    const Message change = message();
    const std::string before = state();
    mount.commit.hold();
    const Call pending = start(change);
    EXPECT_EQ(outcome(pending), kWaiting);
    break_disk();
    mount.commit.release();
    EXPECT_EQ(outcome(pending), error(EIO));
    EXPECT_EQ(state(), before);
}

TEST_P(MutationTest, IsAnsweredThoughEverythingEndedMeanwhile) {
    const Message change = message();
    mount.commit.hold();
    const Call pending = start(change);
    EXPECT_EQ(outcome(pending), kWaiting);
    end_every_network();
    mount.commit.release();
    EXPECT_NE(outcome(pending), kWaiting);
}

TEST_P(MutationTest, IsUndoneThoughEverythingEndedMeanwhile) {
    const Message change = message();
    mount.commit.hold();
    const Call pending = start(change);
    EXPECT_EQ(outcome(pending), kWaiting);
    end_every_network();
    break_disk();
    mount.commit.release();
    EXPECT_EQ(outcome(pending), error(EIO));
}

TEST_P(MutationTest, IsNotInterrupted) {
    const Message change = message();
    mount.commit.hold();
    const Call pending = start(change);
    start(ask::interrupt(pending));
    EXPECT_EQ(outcome(pending), kWaiting);
    mount.commit.release();
    EXPECT_EQ(outcome(pending)->error, 0);
}

INSTANTIATE_TEST_SUITE_P(Every, MutationTest, testing::ValuesIn(kMutations),
                         [](const auto& mutation) { return mutation.param.name; });

// ---- what else happens meanwhile

TEST_F(CommitTest, PacketsAreNotHeldUp) {
    File to = reader(), from = writer();
    mount.commit.hold();
    const Call made = start(ask::mkdir(ask::kRoot, "new"));
    const Call read = to.start_read();
    from.write("hello");
    EXPECT_EQ(outcome(read), packet("hello"));
    EXPECT_EQ(outcome(made), kWaiting);
    mount.commit.release();
    EXPECT_EQ(outcome(made)->error, 0);
}

TEST_F(CommitTest, SaysWhyItFailed) {
    break_disk();
    call(ask::mkdir(ask::kRoot, "new"));
    EXPECT_EQ(mount.get(ask::kRoot, "error"), kWords);
    call(ask::chmod(lab_node(), 0700));
    EXPECT_EQ(mount.get(lab_node(), "error"), kWords);
}

TEST_F(CommitTest, AnErrorThatNoProgramCanGetIsEio) {
    mount.commit.fail_with({600, kWords});
    EXPECT_EQ(call(ask::mkdir(ask::kRoot, "new")), error(EIO));
}

TEST_F(CommitTest, ChangesThatComeTogetherAreUndoneTogether) {
    const std::string before = state();
    const std::uint64_t lab = lab_node();
    mount.commit.hold();
    std::vector<Call> calls;
    for (const Message& change :
         {ask::chmod(lab, 0700), ask::rmdir(ask::kRoot, "lab"), ask::mkdir(ask::kRoot, "lab"),
          ask::rename(ask::kRoot, "lab", ask::kRoot, "field"), ask::mkdir(ask::kRoot, "lab")})
        calls.push_back(start(change));
    mount.serve();
    EXPECT_EQ(mount.commit.waiting(), 5U);
    break_disk();
    mount.commit.release();
    for (const Call pending : calls) EXPECT_EQ(outcome(pending), error(EIO));
    EXPECT_EQ(state(), before);
}

TEST_F(CommitTest, ANetworkWhoseRemovalFailsIsAsItWas) {
    const std::uint64_t port = mount.node("lab/port");
    break_disk();
    EXPECT_EQ(call(ask::rmdir(ask::kRoot, "lab")), error(EIO));
    EXPECT_EQ(call(ask::open(port, O_RDWR)).error, 0);
}

TEST_F(CommitTest, WhoeverTookUpAReservationStaysConnectedWithoutIt) {
    mount.commit.hold();
    const Call made = start(ask::mknod(ports_node(), "5"));
    File user = mount.open("lab/ports/5", O_RDONLY);
    break_disk();
    mount.commit.release();
    EXPECT_EQ(outcome(made), error(EIO));
    EXPECT_EQ(lab().reservation(5), nullptr);
    writer().write("hello");
    EXPECT_EQ(user.read(), packet("hello"));
    user.close();
    EXPECT_FALSE(mount.exists("lab/ports/5"));
}

TEST_F(CommitTest, ACreatedPortReceivesFromBeforeItsOpenReturns) {
    mount.commit.hold();
    const Call created = start(ask::create(ports_node(), "5", O_RDONLY));
    EXPECT_EQ(outcome(created), kWaiting);
    writer().write("hello");
    mount.commit.release();
    const auto opened = outcome(created)->as<fuse_open_out>(sizeof(fuse_entry_out));
    EXPECT_EQ(call(ask::read(opened.fh, 100, O_NONBLOCK)), packet("hello"));
}

TEST_F(CommitTest, ACreationThatFailsDisconnects) {
    mount.commit.hold();
    const Call created = start(ask::create(ports_node(), "5", O_RDONLY));
    EXPECT_EQ(outcome(created), kWaiting);
    EXPECT_EQ(lab().nodes(), 1U);
    break_disk();
    mount.commit.release();
    EXPECT_EQ(outcome(created), error(EIO));
    EXPECT_EQ(lab().nodes(), 0U);
    EXPECT_EQ(mount.filesystem.open_files(), 0U);
}

TEST_F(CommitTest, WhatChangesNothingNeedsNoSaving) {
    const std::uint64_t lab = lab_node();
    mount.commit.hold();
    EXPECT_EQ(call(ask::chmod(lab, 0755)).error, 0);
    EXPECT_EQ(call(ask::truncate(lab, 0)).error, 0);
    EXPECT_EQ(mount.commit.waiting(), 0U);
}

}  // namespace
}  // namespace ipn::test
