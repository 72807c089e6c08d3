#include "dns/message.hpp"

namespace weave::dns {

namespace {

constexpr size_t kMaxName = 255;

// Moves over a name without following pointers.
bool skip_name(Reader& reader) {
  while (reader.ok()) {
    auto length = reader.u8();
    if (!reader.ok()) return false;
    if (length == 0) return true;
    if ((length & 0xc0) == 0xc0) {
      reader.skip(1);
      return reader.ok();
    }
    if (length & 0xc0) return false;
    reader.skip(length);
  }
  return false;
}

char lower_char(uint8_t c) {
  return static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

}  // namespace

std::optional<Header> parse_header(ByteView message) {
  Reader reader(message);
  Header header{reader.u16(), reader.u16(), reader.u16(), reader.u16(), reader.u16(), reader.u16()};
  if (!reader.ok()) return std::nullopt;
  return header;
}

bool read_name(Reader& reader, ByteView message, std::string& text, size_t& labels) {
  Reader at = reader;
  size_t start = at.position(), octets = 1;
  bool jumped = false;
  labels = 0;
  for (;;) {
    auto length = at.u8();
    if (!at.ok()) return false;
    if ((length & 0xc0) == 0xc0) {
      size_t target = (length & 0x3f) << 8 | at.u8();
      // Every jump goes before the piece that it comes from: so it ends.
      if (!at.ok() || target >= start || target < kHeaderSize) return false;
      if (!jumped) reader = at;
      jumped = true;
      at = Reader(message);
      at.seek(target);
      start = target;
      continue;
    }
    if (length & 0xc0) return false;
    if (length == 0) break;
    octets += length + 1;
    auto label = at.bytes(length);
    if (!at.ok() || octets > kMaxName) return false;
    for (auto c : label) {
      if (c == '.')
        text += "\\046";
      else if (c == '\\')
        text += "\\092";
      else
        text += static_cast<char>(c);
    }
    text += '.';
    ++labels;
  }
  if (labels == 0) text += '.';
  if (!jumped) reader = at;
  return true;
}

Result<Query> parse_query(ByteView message) {
  Query query;
  auto header = parse_header(message);
  if (!header) return Refused("shorter than a header");
  query.header = *header;
  if (header->questions != 1) return Refused("not exactly one question");
  Reader reader(message);
  reader.skip(kHeaderSize);
  query.question.name.reserve(64);
  if (!read_name(reader, message, query.question.name, query.question.labels)) return Refused("bad name in question");
  query.question.type = reader.u16();
  query.question.klass = reader.u16();
  if (!reader.ok()) return Refused("question is cut");
  query.question_end = reader.position();
  unsigned records = header->answers + header->authorities + header->additional;
  for (unsigned i = 0; i < records; ++i) {
    if (!skip_name(reader)) return Refused("bad name in a record");
    auto type = reader.u16(), klass = reader.u16();
    auto ttl = reader.u32();
    reader.skip(reader.u16());
    if (!reader.ok()) return Refused("record is cut");
    if (type != kTypeOpt) continue;
    if (query.edns) return Refused("two OPT records");
    query.edns = Edns{klass, static_cast<uint8_t>(ttl >> 16)};
  }
  return query;
}

bool answers(ByteView reply, ByteView query) {
  auto ours = parse_header(query), theirs = parse_header(reply);
  if (!ours || !theirs || !theirs->response() || theirs->opcode() != ours->opcode()) return false;
  if (theirs->questions == 0) return theirs->rcode() != kRcodeNoerror;
  Reader a(query), b(reply);
  a.skip(kHeaderSize);
  b.skip(kHeaderSize);
  if (ours->questions != 1 || theirs->questions != 1 || !skip_name(a)) return false;
  a.skip(4);
  if (!a.ok()) return false;
  auto asked = query.subspan(kHeaderSize, a.position() - kHeaderSize), echoed = b.bytes(asked.size());
  if (!b.ok()) return false;
  // Type and class may be "lowered", too; that loses nothing that an attacker could use.
  for (size_t i = 0; i < asked.size(); ++i)
    if (lower_char(asked[i]) != lower_char(echoed[i])) return false;
  return true;
}

void write_name(Writer& writer, std::string_view name) {
  while (!name.empty() && name != ".") {
    auto dot = name.find('.');
    auto label = name.substr(0, dot);
    writer.u8(static_cast<uint8_t>(label.size()));
    writer.text(label);
    name = dot == name.npos ? std::string_view() : name.substr(dot + 1);
  }
  writer.u8(0);
}

void write_opt(Writer& writer, uint16_t udp_size, uint16_t rcode) {
  writer.u8(0);
  writer.u16(kTypeOpt);
  writer.u16(udp_size);
  writer.u32(static_cast<uint32_t>(rcode >> 4) << 24);
  writer.u16(0);
}

Bytes error_reply(ByteView message, const Query* query, uint16_t rcode) {
  Reader reader(message);
  auto id = reader.u16(), flags = reader.u16();
  uint16_t kept = flags & 0x7800;  // opcode
  if (query) kept |= (flags & (kFlagRd | kFlagCd)) | kFlagRa;
  Writer writer;
  writer.u16(id);
  writer.u16(static_cast<uint16_t>(kFlagQr | kept | (rcode & 15)));
  writer.u16(query ? 1 : 0);
  writer.u32(0);
  writer.u16(query && query->edns ? 1 : 0);
  if (query) writer.bytes(message.subspan(kHeaderSize, query->question_end - kHeaderSize));
  if (query && query->edns) write_opt(writer, 1232, rcode);
  return writer.take();
}

Bytes cut_reply(ByteView reply) {
  auto header = parse_header(reply);
  if (!header) return {};
  Reader reader(reply);
  reader.skip(kHeaderSize);
  size_t end = kHeaderSize;
  if (header->questions == 1 && skip_name(reader)) {
    reader.skip(4);
    if (reader.ok()) end = reader.position();
  }
  Writer writer;
  writer.u16(header->id);
  writer.u16(header->flags | kFlagTc);
  writer.u16(end > kHeaderSize ? 1 : 0);
  writer.u16(0);
  writer.u32(0);
  writer.bytes(reply.subspan(kHeaderSize, end - kHeaderSize));
  return writer.take();
}

}  // namespace weave::dns
