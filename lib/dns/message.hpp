// DNS messages, as far as a server needs them that answers A and PTR and forwards the rest (RFC 1035, RFC 6891).
//
//     +--------+--------+--------+--------+--------+--------+
//     |   id   | flags  |   qd   |   an   |   ns   |   ar   |  six big-endian u16, then the sections
//     +--------+--------+--------+--------+--------+--------+
//     flags: QR(1) opcode(4) AA TC RD RA Z AD CD rcode(4)
//     name:  labels <length 1..63><octets>, closed by 0 or by a pointer 11xxxxxx xxxxxxxx to an earlier offset
#pragma once
#include <optional>
#include <string>

#include "base/bytes.hpp"
#include "base/error.hpp"

namespace weave::dns {

inline constexpr size_t kHeaderSize = 12;
inline constexpr size_t kOptSize = 11;        // an OPT record without options
inline constexpr size_t kPlainUdpSize = 512;  // what a client without EDNS takes

enum Type : uint16_t {
  kTypeA = 1,
  kTypeNs = 2,
  kTypeSoa = 6,
  kTypePtr = 12,
  kTypeAaaa = 28,
  kTypeOpt = 41,
  kTypeIxfr = 251,
  kTypeAxfr = 252,
  kTypeAny = 255,
};
inline constexpr uint16_t kClassIn = 1, kClassAny = 255;

enum Rcode : uint16_t {
  kRcodeNoerror = 0,
  kRcodeFormerr = 1,
  kRcodeServfail = 2,
  kRcodeNxdomain = 3,
  kRcodeNotimp = 4,
  kRcodeRefused = 5,
  kRcodeBadvers = 16,  // needs the OPT record's extension
};

enum Flag : uint16_t {
  kFlagQr = 0x8000,
  kFlagAa = 0x400,
  kFlagTc = 0x200,
  kFlagRd = 0x100,
  kFlagRa = 0x80,
  kFlagCd = 0x10
};

struct Header {
  uint16_t id = 0, flags = 0, questions = 0, answers = 0, authorities = 0, additional = 0;
  bool response() const { return flags & kFlagQr; }
  int opcode() const { return flags >> 11 & 15; }
  int rcode() const { return flags & 15; }
};

// The header, or nothing when there are fewer than twelve bytes.
std::optional<Header> parse_header(ByteView message);

struct Edns {
  uint16_t udp_size = 0;
  uint8_t version = 0;
};

struct Question {
  // As asked, with trailing dot ("." is the root). Within a label a dot is written \046 and a backslash \092, so that
  // every dot separates.
  std::string name;
  size_t labels = 0;
  uint16_t type = 0, klass = 0;
};

// A query with exactly one question. Bytes after the message are ignored.
struct Query {
  Header header;
  Question question;
  size_t question_end = 0;  // the question is message[12, question_end), never compressed
  std::optional<Edns> edns;
};

// Reads a name from where the reader stands, following pointers (only backwards, so never in a loop), and appends its
// text. False when it is malformed or longer than 255 octets.
bool read_name(Reader& reader, ByteView message, std::string& text, size_t& labels);

// The query, or why it is malformed: not one question, cut, a bad name, a second OPT.
Result<Query> parse_query(ByteView message);

// Whether `reply` answers `query`: a response with the same question (letter case doesn't matter) or an error without
// question. The id is not compared.
bool answers(ByteView reply, ByteView query);

// Appends an encodable name (see names::encodable), uncompressed.
void write_name(Writer& writer, std::string_view name);

// Appends an OPT record that announces `udp_size`, with the upper bits of `rcode`.
void write_opt(Writer& writer, uint16_t udp_size, uint16_t rcode = kRcodeNoerror);

// A reply without records to a query that may be unparsable: the question is repeated when `query` is given. At least
// the header of `message` must be there.
Bytes error_reply(ByteView message, const Query* query, uint16_t rcode);

// A reply that doesn't fit: its header and question only, with TC set.
Bytes cut_reply(ByteView reply);

}  // namespace weave::dns
