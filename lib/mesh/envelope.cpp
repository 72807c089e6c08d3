#include "mesh/envelope.hpp"

#include "gob/decode.hpp"
#include "gob/encode.hpp"

namespace weave::mesh {

Bytes encode_envelope(Tag tag, const Envelope& envelope) {
  gob::Encoder encoder;
  encoder.encode(envelope.channel);
  encoder.encode(envelope.source);
  if (tag == Tag::kUnicast) encoder.encode(envelope.destination);
  encoder.encode(envelope.data);
  Writer out;
  out.u8(static_cast<uint8_t>(tag));
  out.bytes(encoder.take());
  return out.take();
}

Result<Envelope> decode_envelope(Tag tag, ByteView payload) {
  gob::Decoder decoder;
  Reader in(payload);
  auto channel = decoder.decode<std::string_view>(in);
  if (!channel) return Refused(channel.error());
  auto source = decoder.decode<PeerName>(in);
  if (!source) return Refused(source.error());
  Result<PeerName> destination = PeerName{};
  if (tag == Tag::kUnicast) destination = decoder.decode<PeerName>(in);
  if (!destination) return Refused(destination.error());
  auto data = decoder.decode<ByteView>(in);
  if (!data) return Refused(data.error());
  if (source->value >> 48 || destination->value >> 48) return Refused("peer name beyond 48 bits");
  return Envelope{*channel, *source, *destination, *data};
}

}  // namespace weave::mesh
