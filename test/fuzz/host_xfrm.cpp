// Any bytes as what the kernel says of an ESP association or an IPsec policy: what is understood comes back unchanged
// from our own request.
#include <linux/netlink.h>
#include <linux/xfrm.h>

#include <cstdlib>

#include "host/xfrm_message.hpp"

using namespace weave;
using namespace weave::host;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  ByteView message(data, size);
  if (auto association = decode_association(message)) {
    association->packets = 0;  // a request has none
    static const Secret key(size_t{36});
    auto request = encode_association(XFRM_MSG_NEWSA, *association, key);
    if (decode_association(ByteView(request).subspan(NLMSG_HDRLEN)) != association) abort();
  }
  if (auto policy = decode_policy(message)) {
    auto request = encode_policy(*policy);
    if (decode_policy(ByteView(request).subspan(NLMSG_HDRLEN)) != policy) abort();
  }
  return 0;
}
