// XFRM requests as bytes, and what the kernel says of its associations and policies (internal to this library).
#pragma once
#include "host/xfrm.hpp"

namespace weave::host {

// `type`: XFRM_MSG_NEWSA or XFRM_MSG_UPDSA.
Bytes encode_association(uint16_t type, const EspAssociation& association, const Secret& key);
Bytes encode_reserve_spi(Ipv4 source, Ipv4 destination, uint32_t reqid);
// `type`: XFRM_MSG_GETSA or XFRM_MSG_DELSA.
Bytes encode_association_id(uint16_t type, Ipv4 destination, uint32_t spi);
Bytes encode_policy(const IpsecPolicy& policy);
Bytes encode_policy_removal(const IpsecPolicy& policy);

// Nothing when it isn't ESP over IPv4, or isn't a policy that IpsecPolicy can describe.
std::optional<EspAssociation> decode_association(ByteView message);
std::optional<IpsecPolicy> decode_policy(ByteView message);

}  // namespace weave::host
