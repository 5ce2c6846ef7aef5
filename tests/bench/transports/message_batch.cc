#include "transports/message_batch.h"

#include <algorithm>

#include "harness/errors.h"

namespace bench {

MessageBatch::MessageBatch(const Setting& setting)
    : setting_(setting),
      bytes_(setting.messages * setting.bytes_each),
      segments_(setting.messages),
      headers_(setting.messages) {
    for (std::size_t index = 0; index < headers_.size(); ++index) {
        segments_[index] = {.iov_base = slot(index).data(), .iov_len = setting.bytes_each};
        headers_[index].msg_hdr.msg_iov = &segments_[index];
        headers_[index].msg_hdr.msg_iovlen = 1;
    }
}

bool MessageBatch::add(std::span<const std::byte> message) {
    std::copy(message.begin(), message.end(), slot(count_).begin());
    segments_[count_].iov_len = message.size();
    return ++count_ == headers_.size();
}

void MessageBatch::send_all(int socket) {
    for (unsigned sent = 0; sent < count_;) {
        sent += static_cast<unsigned>(
            check(::sendmmsg(socket, &headers_[sent], count_ - sent, MSG_NOSIGNAL), "sendmmsg"));
    }
}

std::span<const std::byte> MessageBatch::receive(int socket) {
    if (taken_ == count_) {
        count_ = static_cast<unsigned>(
            check(::recvmmsg(socket, headers_.data(), setting_.messages, MSG_WAITFORONE, nullptr),
                  "recvmmsg"));
        taken_ = 0;
    }
    const std::size_t index = taken_++;
    return slot(index).first(headers_[index].msg_len);
}

}  // namespace bench
