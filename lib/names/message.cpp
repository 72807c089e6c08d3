#include "names/message.hpp"

#include "gob/decode.hpp"
#include "gob/encode.hpp"

namespace weave::gob {

template <>
struct Shaped<names::Entry> {
  static Shape make() {
    using names::Entry;
    return structure("Entry", {field<&Entry::container>("ContainerID"), field<&Entry::origin>("Origin"),
                               field<&Entry::address>("Addr"), field<&Entry::hostname>("Hostname"),
                               field<&Entry::version>("Version"), field<&Entry::tombstone>("Tombstone")});
  }
};

template <>
struct Shaped<names::Message> {
  static Shape make() {
    using names::Message;
    return structure("GossipData",
                     {field<&Message::timestamp>("Timestamp"), field<&Message::entries>("Entries", "Entries")});
  }
};

}  // namespace weave::gob

namespace weave::names {

Bytes encode(Message message) {
  message.entries = for_sending(std::move(message.entries));
  return gob::encode(message);
}

Result<Message> decode(ByteView bytes) {
  return gob::decode<Message>(bytes, {.elements = kMaxGossipEntries});
}

size_t wire_size(const Entry& entry) {
  constexpr size_t numbers = 48;  // the four of them, their field marks, the two lengths
  return numbers + entry.hostname.size() + entry.container.size();
}

}  // namespace weave::names
