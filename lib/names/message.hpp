// A gossip message of the names' database, as peers send it.
//
// In gob, one value in a stream of its own:
//
//   GossipData { Timestamp int; Entries []Entry }
//   Entry      { ContainerID string; Origin uint; Addr uint; Hostname string; Version int; Tombstone int }
//
// Receivers of other versions skip fields that they don't know, but lose them when they pass entries on.
//
// Source: Weave Net 2.8.1, nameserver/entry.go and nameserver/nameserver.go.
#pragma once
#include "base/bytes.hpp"
#include "base/error.hpp"
#include "names/entry.hpp"

namespace weave::names {

inline constexpr size_t kMaxGossipEntries = 256 * 1024;  // of one message; a longer one is refused

struct Message {
  int64_t timestamp = 0;  // unix seconds, of the sender's clock
  Entries entries;

  bool operator==(const Message&) const = default;
};

// The bytes that Weave Net makes of it. The entries go through for_sending() here, so that no message which leaves this
// program holds a key twice.
Bytes encode(Message message);

// Takes what Weave Net takes: any type ids, any order of definitions and fields, more fields and fewer, bytes behind
// the value. The entries themselves are not checked.
Result<Message> decode(ByteView bytes);

// About how many bytes an entry takes in a message, and somewhat less than what it takes in memory.
size_t wire_size(const Entry& entry);

}  // namespace weave::names
