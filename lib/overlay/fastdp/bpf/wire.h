/* Outer headers put on and taken off without the VXLAN device: part of fastdp.bpf.c.
 *
 *     Ethernet (14) | IPv4 (20) | UDP (8) | VXLAN (8) | the container's frame: Ethernet (14) | ...
 *
 * The room is made behind the first Ethernet header, and holds a second one; that stays outside, the copy goes inside.
 */

struct wire_headers {
  __u8 to[6], from[6];
  __be16 type;
  __u8 version, tos;
  __be16 length, identification, fragment;
  __u8 ttl, protocol;
  __be16 checksum;
  __be32 source, destination;
  __be16 udp_source, udp_destination, udp_length, udp_checksum;
  __be32 flags, vni;
  __u8 inner_to[6], inner_from[6];
  __be16 inner_type;
  __u8 inner[2]; /* the first bytes of the packet: version and traffic class */
} __attribute__((packed));

#define ROOM (20 + 8 + 8 + ETH_HLEN)
#define VXLAN_HAS_VNI 0x08000000
#define ECN_MASK 3
#define ECN_CE 3
#define ECN_ECT0 2
#define CANNOT_PUSH 1000
#define FAMILY_IPV4 2

/* Frames are pushed for IP only, which is what the kernel segments, without VLAN, and as far as lengths have 16 bits.
 */
static __always_inline int may_push(const struct __sk_buff* skb, const struct fastdp_hop* hop, __u32 underlay) {
  return underlay && !hop->mark && !skb->vlan_present && skb->len <= 65535 - ROOM &&
         (skb->protocol == bpf_htons(ETH_P_IP) || skb->protocol == bpf_htons(ETH_P_IPV6));
}

static __always_inline __u16 ip_checksum(const struct wire_headers* wire) {
  const __be16* word = (const void*)&wire->version;
  __u32 sum = 0;
  for (int i = 0; i < 10; ++i) sum += word[i];
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return ~sum;
}

/* As the VXLAN device does it: congestion marks follow the packet inside, but what is marked inside needs no mark. */
static __always_inline __u8 outer_tos(const __u8* inner) {
  __u8 ecn = (inner[0] >> 4 == 6 ? inner[1] >> 4 : inner[1]) & ECN_MASK;
  return ecn == ECN_CE ? ECN_ECT0 : ecn;
}

/* Puts the headers on and sends the packet by the interface. CANNOT_PUSH: nothing has happened. */
static __always_inline int push(struct __sk_buff* skb, __u32 vni, const struct fastdp_hop* hop, __u32 underlay,
                                const struct addresses* mac) {
  struct wire_headers wire = {};
  __u32 length = skb->len;
  __be16 inner_type = skb->protocol;
  if (bpf_skb_load_bytes(skb, ETH_HLEN, wire.inner, sizeof wire.inner)) return CANNOT_PUSH;
  __u32 hash = bpf_get_hash_recalc(skb);
  struct bpf_redir_neigh next = {.nh_family = FAMILY_IPV4};
  next.ipv4_nh = bpf_htonl(hop->gateway ? hop->gateway : hop->remote);

  wire.version = 0x45;
  wire.tos = outer_tos(wire.inner);
  wire.length = bpf_htons((__u16)(length + ROOM - ETH_HLEN));
  wire.fragment = bpf_htons(0x4000);
  wire.ttl = 64;
  wire.protocol = IPPROTO_UDP;
  wire.source = bpf_htonl(hop->local);
  wire.destination = bpf_htonl(hop->remote);
  wire.checksum = ip_checksum(&wire);
  wire.udp_source = bpf_htons((__u16)(32768 + ((__u64)hash * 28232 >> 32)));
  wire.udp_destination = bpf_htons((__u16)hop->port);
  wire.udp_length = bpf_htons((__u16)(length + 16));
  wire.flags = bpf_htonl(VXLAN_HAS_VNI);
  wire.vni = bpf_htonl(vni << 8);
  __builtin_memcpy(wire.inner_to, mac->to.bytes, 6);
  __builtin_memcpy(wire.inner_from, mac->from.bytes, 6);
  wire.inner_type = inner_type;

  /* The segments' size counts the inner headers only, as before. */
  if (bpf_skb_adjust_room(skb, ROOM, BPF_ADJ_ROOM_MAC,
                          BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 | BPF_F_ADJ_ROOM_ENCAP_L4_UDP |
                              BPF_F_ADJ_ROOM_ENCAP_L2(ETH_HLEN) | BPF_F_ADJ_ROOM_ENCAP_L2_ETH |
                              BPF_F_ADJ_ROOM_FIXED_GSO))
    return CANNOT_PUSH;
  if (bpf_skb_store_bytes(skb, ETH_HLEN, &wire.version, ROOM, 0)) return drop(FASTDP_DROP_ERROR);
  count_frame(FASTDP_SENT, length);
  count(FASTDP_PUSHED);
  return bpf_redirect_neigh(underlay, &next, sizeof next, 0);
}

/* A whole, ordinary packet. Not one that stands for several: the kernel would go on to think that it is tunnelled, and
 * a container that forwards it would send nonsense. Not one that met congestion: the kernel tells the packet inside. */
static __always_inline int may_pop(const struct __sk_buff* skb, const struct wire_headers* wire) {
  return wire->version == 0x45 && !(wire->fragment & bpf_htons(0x3fff)) && (wire->tos & ECN_MASK) != ECN_CE &&
         wire->flags == bpf_htonl(VXLAN_HAS_VNI) && !(wire->vni & bpf_htonl(0xff)) &&
         wire->inner_type == bpf_htons(ETH_P_IP) && !wire->udp_checksum && !skb->gso_size && !skb->vlan_present &&
         bpf_ntohs(wire->length) + ETH_HLEN == skb->len && bpf_ntohs(wire->udp_length) + 20 == bpf_ntohs(wire->length);
}

static __always_inline int pop(struct __sk_buff* skb, const struct addresses* mac) {
  struct {
    __u8 to[6], from[6];
  } ethernet;
  __builtin_memcpy(ethernet.to, mac->to.bytes, 6);
  __builtin_memcpy(ethernet.from, mac->from.bytes, 6);
  if (bpf_skb_adjust_room(skb, -ROOM, BPF_ADJ_ROOM_MAC, BPF_F_ADJ_ROOM_FIXED_GSO)) return -1;
  return bpf_skb_store_bytes(skb, 0, &ethernet, sizeof ethernet, 0);
}
