// How the router's names reach the DNS server process: over a stream socket, as frames.
//
//     +--------------+------+----------------+---------
//     | length (u32) | type | sequence (u64) | payload    length counts what follows it
//     +--------------+------+----------------+---------
//     router to server:  1 begin   a snapshot starts: what is put until `end` replaces everything
//                        2 put     an entry: name, origin, container, address, 1 if registered by hand
//                        3 erase   the same
//                        4 end     the snapshot is complete
//     server to router:  16 status counters and name servers
//
// Sequences count frames of one direction from 1 without gaps; a gap means a defect, and the server gives up (the
// router starts another, which gets a snapshot).
#pragma once
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "names/entry.hpp"
#include "names/index.hpp"

namespace weave::dns {

inline constexpr size_t kMaxFrame = 1 << 20;  // bytes

// What the server tells about itself; counters since its start.
struct Status {
  uint64_t answered = 0;   // from our names, NXDOMAIN included
  uint64_t forwarded = 0;  // to name servers
  uint64_t refused = 0;    // malformed, not implemented, refused
  uint64_t dropped = 0;    // not worth a reply
  uint64_t failed = 0;     // forwarded, without an answer
  std::vector<std::string> upstreams;

  bool operator==(const Status&) const = default;
};

// The router's side: turns changes into bytes for the socket. A new server needs a new encoder, which begins with a
// snapshot.
class FeedEncoder {
 public:
  Bytes snapshot(const names::Entries& entries);  // tombstones are left out
  // Entries as the database's operations return them: live ones are put, tombstones erased.
  Bytes changes(const names::Entries& entries);
  // Entries that are gone without a tombstone (of a peer that is gone).
  Bytes erased(const names::Entries& entries);

 private:
  void entry(Writer& writer, uint8_t type, const names::Entry& entry);
  uint64_t sequence_ = 0;
};

// Cuts a stream of bytes into frames, checking length and sequence.
class FrameReader {
 public:
  struct Frame {
    uint8_t type = 0;
    Bytes payload;
  };
  // Appends bytes as they come and returns the frames that are complete, or why the stream is broken.
  Result<std::vector<Frame>> push(ByteView bytes);

 private:
  Bytes pending_;
  uint64_t sequence_ = 0;
};

// The server's side: the table of names as the router last said.
class Table {
 public:
  // Takes in bytes from the socket, or says why the stream is broken.
  Result<void> push(ByteView bytes);
  // True once the first snapshot is complete.
  bool ready() const { return ready_; }
  const names::Index& index() const { return index_; }

 private:
  FrameReader frames_;
  names::Index index_, incoming_;
  bool ready_ = false, in_snapshot_ = false;
};

class StatusEncoder {
 public:
  Bytes encode(const Status& status);

 private:
  uint64_t sequence_ = 0;
};

class StatusDecoder {
 public:
  // Takes in bytes from the socket; the last status that is complete within them, if any.
  Result<std::optional<Status>> push(ByteView bytes);

 private:
  FrameReader frames_;
};

}  // namespace weave::dns
