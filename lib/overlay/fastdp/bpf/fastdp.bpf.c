/* The fast datapath: tc programs between the bridge's veth pair, kernel VXLAN devices in external mode, and containers.
 *
 *    container ── veth ──┬─ bridge ── vethwe-bridge ═ vethwe-datapath ──┐
 *                        │                                   from_bridge│
 *          from_container│ known unicast                                ├─▶ vxlan-6784 ── underlay
 *                        └──────────────────────────────────────────────┘
 *    container ◀── bridge ◀── vethwe-bridge ◀──┐
 *              ◀───────────────────────────────┴─ from_tunnel ◀── vxlan-6784
 *
 * A frame on the wire says between which peers it travels: VNI = S | D << 12, both of them short ids. S is the peer
 * whose container sent it. D is the peer with the destination, over as many hops as it takes, or, for floods, the
 * next neighbour. For a frame from the tunnel:
 *
 *     both MACs zero      a heartbeat: its head goes through the ring buffer, from whatever address it came
 *     D is another peer   relayed, ids unchanged, to the neighbour on the way to D
 *     D is us             its source MAC lives at S; delivered; and unless we know the destination to live here,
 *                         flooded onward to our neighbours in the broadcast tree of S
 *
 * In direct mode the commonest frames of unencrypted connections don't meet the VXLAN device either: from_container
 * pushes the outer headers itself, and from_wire, on the underlay's interface, takes them off again.
 *
 * What goes to a neighbour with whom all is encrypted bears a mark, by which the kernel makes ESP of it, and never is
 * pushed. Should the kernel fail to, for whatever became of its policies, to_wire drops the packet at the last moment.
 * What comes from such a neighbour bears a mark, too, if it came by ESP, and is dropped if it doesn't.
 *
 * There is no hop count. What keeps frames from circling: the trees; nothing goes back to the neighbour that it came
 * from; nothing comes in that claims to be ours.
 *
 * Sleeve's TAP carries the same ids as VLAN tags: one tag is the other peer (D of frames to sleeve, S of frames from
 * it, the missing one being us); two tags are S outside (802.1ad) and D inside. One tag keeps segmentation offload. A
 * flood's copy is known by the inner tag's DEI bit: nobody is to be told of what becomes of it. */
#include "fastdp.h"

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/in.h>
#include <linux/pkt_cls.h>
#include <stddef.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#ifndef BPF_F_INGRESS
#define BPF_F_INGRESS 1
#endif

const volatile struct fastdp_constants constants = {};

/* Kernels refuse a tunnel key that is longer than theirs. */
#define OLD_TUNNEL_KEY offsetof(struct bpf_tunnel_key, local_ipv4)

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct fastdp_settings);
} settings SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, FASTDP_IDS);
  __type(key, __u32);
  __type(value, __u32);
} peers SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, FASTDP_HOPS);
  __type(key, __u32);
  __type(value, struct fastdp_hop);
} hops SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, FASTDP_IDS);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, __u32);
  __type(value, struct fastdp_flood);
} floods SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, FASTDP_SOURCES);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, __u32);
  __type(value, struct fastdp_source);
} sources SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, FASTDP_MACS);
  __type(key, struct fastdp_mac);
  __type(value, struct fastdp_place);
} macs SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, FASTDP_STATISTICS);
  __type(key, __u32);
  __type(value, __u64);
} statistics SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, FASTDP_TAP_BYTES);
} heartbeats SEC(".maps");

struct addresses {
  struct fastdp_mac to, from;
};

static __always_inline void count(__u32 what) {
  __u64* counter = bpf_map_lookup_elem(&statistics, &what);
  if (counter) ++*counter;
}

/* FASTDP_SENT, _RECEIVED or _RELAYED, with the frame's bytes, those of its own Ethernet header included. */
static __always_inline void count_frame(__u32 what, __u32 bytes) {
  count(what);
  __u32 at = FASTDP_BYTES + what;
  __u64* counter = bpf_map_lookup_elem(&statistics, &at);
  if (counter) *counter += bytes;
}

static __always_inline int drop(__u32 why) {
  count(why);
  return TC_ACT_SHOT;
}

static __always_inline struct fastdp_settings* get_settings(void) {
  __u32 zero = 0;
  return bpf_map_lookup_elem(&settings, &zero);
}

static __always_inline int read_addresses(struct __sk_buff* skb, struct addresses* out) {
  struct ethhdr* ethernet = (void*)(long)skb->data;
  if ((void*)(ethernet + 1) > (void*)(long)skb->data_end) return -1;
  __builtin_memcpy(out->to.bytes, ethernet->h_dest, 6);
  __builtin_memcpy(out->from.bytes, ethernet->h_source, 6);
  out->to.zero = out->from.zero = 0;
  return 0;
}

static __always_inline int is_zero(const struct fastdp_mac* mac) {
  return !(mac->bytes[0] | mac->bytes[1] | mac->bytes[2] | mac->bytes[3] | mac->bytes[4] | mac->bytes[5]);
}

static __always_inline int is_multicast(const struct fastdp_mac* mac) {
  return mac->bytes[0] & 1;
}

/* --- ways out ---------------------------------------------------------------------------------------------------- */

static __always_inline __u32 way_to(__u32 id) {
  __u32* way = bpf_map_lookup_elem(&peers, &id);
  return way ? *way : 0;
}

static __always_inline struct fastdp_hop* hop_of(__u32 way) {
  return way && way < FASTDP_HOPS ? bpf_map_lookup_elem(&hops, &way) : NULL;
}

/* From here on the frame, or its next clone, belongs to this tunnel. */
static __always_inline int aim(struct __sk_buff* skb, __u32 vni, const struct fastdp_hop* hop) {
  struct bpf_tunnel_key key = {};
  key.tunnel_id = vni;
  key.remote_ipv4 = hop->remote;
  key.local_ipv4 = hop->local;
  key.tunnel_ttl = 64;
  skb->mark = hop->mark;
  if (constants.old_tunnel_key)
    return bpf_skb_set_tunnel_key(skb, &key, OLD_TUNNEL_KEY, BPF_F_ZERO_CSUM_TX | BPF_F_DONT_FRAGMENT);
  return bpf_skb_set_tunnel_key(skb, &key, sizeof key, BPF_F_ZERO_CSUM_TX | BPF_F_DONT_FRAGMENT);
}

#define TAG_FLOODED 0x1000

/* VLAN tags for sleeve's TAP; see above. */
static __always_inline int tag(struct __sk_buff* skb, __u32 source, __u32 inner, int ours) {
  if (bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), inner)) return -1;
  return ours ? 0 : bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021AD), source);
}

static __always_inline void untag(struct __sk_buff* skb, int ours) {
  bpf_skb_vlan_pop(skb);
  if (!ours) bpf_skb_vlan_pop(skb);
}

/* Takes the frame of `source` on towards `destination`, but not back to `not_to` (0: anywhere). */
static __always_inline int send(struct __sk_buff* skb, const struct fastdp_settings* now, __u32 source,
                                __u32 destination, __u32 not_to, __u32 counter) {
  __u32 way = way_to(destination);
  if (way == FASTDP_WAY_SLEEVE) {
    if (!now->sleeve) return drop(FASTDP_DROP_NO_ROUTE);
    if (tag(skb, source, destination, source == now->self)) return drop(FASTDP_DROP_ERROR);
    count(FASTDP_TO_SLEEVE);
    return bpf_redirect(now->sleeve, 0);
  }
  struct fastdp_hop* hop = hop_of(way);
  if (!hop || !hop->device) return drop(way ? FASTDP_DROP_NO_ROUTE : FASTDP_DROP_UNKNOWN_PEER);
  if (hop->remote == not_to) return drop(FASTDP_DROP_LOOP);
  if (aim(skb, source | destination << 12, hop)) return drop(FASTDP_DROP_ERROR);
  count_frame(counter, skb->len);
  return bpf_redirect(hop->device, 0);
}

/* A copy to each neighbour in the source's broadcast tree; the frame itself stays ours. */
static __always_inline void flood(struct __sk_buff* skb, const struct fastdp_settings* now, __u32 source,
                                  __u32 not_to) {
  struct fastdp_flood* list = bpf_map_lookup_elem(&floods, &source);
  if (!list) return;
  int ours = source == now->self;
  __u32 sleeve = now->sleeve;
  for (__u32 i = 0; i < FASTDP_FLOOD; ++i) {
    if (i >= list->count) break;
    __u32 id = list->ids[i];
    __u32 way = way_to(id);
    if (way == FASTDP_WAY_SLEEVE) {
      if (!sleeve) continue;
      if (tag(skb, source, id | TAG_FLOODED, ours)) return count(FASTDP_DROP_ERROR);
      count(bpf_clone_redirect(skb, sleeve, 0) ? FASTDP_DROP_ERROR : FASTDP_TO_SLEEVE);
      untag(skb, ours);
      continue;
    }
    struct fastdp_hop* hop = hop_of(way);
    if (!hop || !hop->device || hop->remote == not_to) continue;
    __u32 device = hop->device;
    if (aim(skb, source | id << 12, hop) || bpf_clone_redirect(skb, device, 0)) {
      count(FASTDP_DROP_ERROR);
      continue;
    }
    count_frame(FASTDP_SENT, skb->len);
  }
}

#include "wire.h"

/* Delivers the frame to the container behind a host-side veth. The packet type is set because the frame entered by a
 * device with another MAC and is PACKET_OTHERHOST: kernels without "bpf: Scrub packet on bpf_redirect_peer" (6.15, in
 * stable releases since May 2025) keep the type, and IP and ARP in the container drop such a packet. */
static __always_inline int into_container(struct __sk_buff* skb, __u32 ifindex) {
  bpf_skb_change_type(skb, PACKET_HOST);
  return bpf_redirect_peer(ifindex, 0);
}

/* --- frames from here -------------------------------------------------------------------------------------------- */

static __always_inline int to_stp(const struct fastdp_mac* mac) {
  return mac->bytes[0] == 0x01 && mac->bytes[1] == 0x80 && mac->bytes[2] == 0xc2 && mac->bytes[3] == 0 &&
         mac->bytes[4] == 0 && mac->bytes[5] == 0;
}

/* ARP in which somebody announces his own address: what a container says that has just moved here. */
static __always_inline int announces_itself(struct __sk_buff* skb) {
  struct {
    __u8 fixed[8], sender_mac[6], sender_ip[4], target_mac[6], target_ip[4];
  } arp;
  if (skb->protocol != bpf_htons(ETH_P_ARP)) return 0;
  if (bpf_skb_load_bytes(skb, ETH_HLEN, &arp, sizeof arp)) return 0;
  return *(__u32*)arp.sender_ip == *(__u32*)arp.target_ip;
}

/* tc ingress of vethwe-datapath: what the bridge sends to other hosts, or doesn't know where to send. */
SEC("tc")
int from_bridge(struct __sk_buff* skb) {
  struct addresses mac;
  struct fastdp_settings* now = get_settings();
  if (!now || now->self == FASTDP_NO_SELF) return drop(FASTDP_DROP_NO_SELF);
  if (read_addresses(skb, &mac)) return drop(FASTDP_DROP_ERROR);
  if (is_multicast(&mac.from) || is_zero(&mac.from)) return drop(FASTDP_DROP_SOURCE_MAC);
  if (to_stp(&mac.to)) return drop(FASTDP_DROP_STP);

  struct fastdp_place* home = bpf_map_lookup_elem(&macs, &mac.from);
  if (!home) {
    struct fastdp_place here = {FASTDP_PLACE_BRIDGE, now->epoch};
    bpf_map_update_elem(&macs, &mac.from, &here, BPF_ANY);
  } else {
    if (home->place < FASTDP_IDS) {
      /* Something loops our frames back to us, or the container has moved here. */
      if (!announces_itself(skb)) return drop(FASTDP_DROP_CONFLICT);
      home->place = FASTDP_PLACE_BRIDGE;
      count(FASTDP_MOVED);
    }
    if (home->epoch != now->epoch) home->epoch = now->epoch;
  }

  if (!is_multicast(&mac.to)) {
    struct fastdp_place* there = bpf_map_lookup_elem(&macs, &mac.to);
    if (there) {
      __u32 place = there->place;
      if (place >= FASTDP_IDS) return drop(FASTDP_DROP_LOCAL);
      return send(skb, now, now->self, place, 0, FASTDP_SENT);
    }
  }
  flood(skb, now, now->self, 0);
  return TC_ACT_SHOT;
}

/* tc ingress of a container's host end: known unicast goes straight there, the rest to the bridge. */
SEC("tc")
int from_container(struct __sk_buff* skb) {
  struct addresses mac;
  struct fastdp_settings* now = get_settings();
  if (!now || now->self == FASTDP_NO_SELF) return TC_ACT_OK;
  if (read_addresses(skb, &mac)) return drop(FASTDP_DROP_ERROR);
  if (is_multicast(&mac.from) || is_zero(&mac.from)) return drop(FASTDP_DROP_SOURCE_MAC);

  __u32 here = FASTDP_PLACE_CONTAINER | skb->ifindex;
  struct fastdp_place* home = bpf_map_lookup_elem(&macs, &mac.from);
  if (!home) {
    struct fastdp_place fresh = {here, now->epoch};
    bpf_map_update_elem(&macs, &mac.from, &fresh, BPF_ANY);
  } else {
    if (home->place == FASTDP_PLACE_HOST) return drop(FASTDP_DROP_SPOOFED);
    /* As from the bridge; but a container whose peer hasn't shown it for a while has moved, whatever it says. */
    if (home->place < FASTDP_IDS && now->epoch - home->epoch < 2 && !announces_itself(skb))
      return drop(FASTDP_DROP_CONFLICT);
    if (home->place != here) {
      home->place = here;
      count(FASTDP_MOVED);
    }
    if (home->epoch != now->epoch) home->epoch = now->epoch;
  }

  if (is_multicast(&mac.to)) return TC_ACT_OK;
  struct fastdp_place* there = bpf_map_lookup_elem(&macs, &mac.to);
  if (!there) return TC_ACT_OK;
  __u32 place = there->place;
  if (place < FASTDP_IDS) {
    struct fastdp_hop* hop = hop_of(way_to(place));
    /* Read once: a router that starts in another mode takes it away while frames are under way. */
    __u32 underlay = hop ? *(volatile __u32*)&hop->underlay : 0;
    if (hop && may_push(skb, hop, underlay)) {
      int verdict = push(skb, now->self | place << 12, hop, underlay, &mac);
      if (verdict != CANNOT_PUSH) return verdict;
    }
    return send(skb, now, now->self, place, 0, FASTDP_SENT);
  }
  if (!(place & FASTDP_PLACE_CONTAINER)) return TC_ACT_OK;
  count(FASTDP_DIRECT);
  return into_container(skb, place & ~FASTDP_PLACE_CONTAINER);
}

/* --- frames from other peers ------------------------------------------------------------------------------------- */

static __always_inline int report_heartbeat(struct __sk_buff* skb, const struct bpf_tunnel_key* key, int known,
                                            int encrypted) {
  /* Strangers may prove to be a peer whose address has changed, but leave half of the room to neighbours. */
  if (!known && bpf_ringbuf_query(&heartbeats, BPF_RB_AVAIL_DATA) > FASTDP_TAP_BYTES / 2)
    return drop(FASTDP_DROP_HEARTBEAT);
  struct fastdp_heartbeat* out = bpf_ringbuf_reserve(&heartbeats, sizeof *out, 0);
  if (!out) return drop(FASTDP_DROP_HEARTBEAT);
  __builtin_memset(out, 0, sizeof *out);
  out->vni = key->tunnel_id;
  out->remote = key->remote_ipv4;
  out->local = key->local_ipv4;
  out->length = skb->len;
  out->encrypted = encrypted;
  if (bpf_skb_load_bytes(skb, 0, out->head, sizeof out->head)) {
    /* Too short to be one; its length tells. */
  }
  bpf_ringbuf_submit(out, 0);
  return drop(FASTDP_HEARTBEATS);
}

/* The MAC lives at the peer now. Refused for those that live here for certain. */
static __always_inline int learn(const struct fastdp_mac* mac, __u32 peer, __u32 epoch) {
  struct fastdp_place* home = bpf_map_lookup_elem(&macs, mac);
  if (!home) {
    struct fastdp_place fresh = {peer, epoch};
    bpf_map_update_elem(&macs, mac, &fresh, BPF_ANY);
    return 0;
  }
  if (home->place != peer) {
    if (home->place >= FASTDP_PLACE_HOST) return -1;
    home->place = peer;
    count(FASTDP_MOVED);
  }
  if (home->epoch != epoch) home->epoch = epoch;
  return 0;
}

/* A frame of `source` for `destination`, from a neighbour that isn't to get it back; by the tunnel or by sleeve. */
static __always_inline int arrive(struct __sk_buff* skb, const struct fastdp_settings* now, const struct addresses* mac,
                                  __u32 source, __u32 destination, __u32 not_to, int tunnelled) {
  if (source == now->self) return drop(FASTDP_DROP_OWN);
  if (!way_to(source)) return drop(FASTDP_DROP_UNKNOWN_PEER);
  if (is_multicast(&mac->from) || is_zero(&mac->from)) return drop(FASTDP_DROP_SOURCE_MAC);
  if (destination != now->self)
    return send(skb, now, source, destination, not_to, tunnelled ? FASTDP_RELAYED : FASTDP_SENT);

  if (learn(&mac->from, source, now->epoch)) return drop(FASTDP_DROP_SPOOFED);

  if (tunnelled) count_frame(FASTDP_RECEIVED, skb->len);
  if (!is_multicast(&mac->to)) {
    struct fastdp_place* there = bpf_map_lookup_elem(&macs, &mac->to);
    __u32 place = there ? there->place : 0;
    if (constants.direct && place & FASTDP_PLACE_CONTAINER) {
      count(FASTDP_DIRECT);
      return into_container(skb, place & ~FASTDP_PLACE_CONTAINER);
    }
    if (place >= FASTDP_PLACE_BRIDGE) return bpf_redirect(now->bridge_port, BPF_F_INGRESS);
  }
  flood(skb, now, source, not_to);
  skb->mark = 0; /* the copies' */
  return bpf_redirect(now->bridge_port, BPF_F_INGRESS);
}

static __always_inline int tunnelled(struct __sk_buff* skb, const struct bpf_tunnel_key* key) {
  struct addresses mac;
  struct fastdp_settings* now = get_settings();
  if (!now || read_addresses(skb, &mac)) return drop(FASTDP_DROP_ERROR);
  __u32 outer = key->remote_ipv4;
  struct fastdp_source* from = bpf_map_lookup_elem(&sources, &outer);
  int encrypted = !!(skb->mark & FASTDP_MARK);
  skb->mark = 0; /* it means nothing to whoever gets the frame */
  if (from && from->esp_port && !encrypted) return drop(FASTDP_DROP_CLEAR);
  if (is_zero(&mac.to) && is_zero(&mac.from)) return report_heartbeat(skb, key, from != NULL, encrypted);
  if (!from) return drop(FASTDP_DROP_OUTER_SOURCE);
  if (now->self == FASTDP_NO_SELF) return drop(FASTDP_DROP_NO_SELF);
  return arrive(skb, now, &mac, key->tunnel_id & 0xfff, key->tunnel_id >> 12 & 0xfff, outer, 1);
}

/* tc ingress of a VXLAN device. */
SEC("tc")
int from_tunnel(struct __sk_buff* skb) {
  struct bpf_tunnel_key key = {};
  int refused = constants.old_tunnel_key ? bpf_skb_get_tunnel_key(skb, &key, OLD_TUNNEL_KEY, 0)
                                         : bpf_skb_get_tunnel_key(skb, &key, sizeof key, 0);
  return refused ? drop(FASTDP_DROP_ERROR) : tunnelled(skb, &key);
}

/* As from_tunnel, for tests: frames that the kernel makes up for a test run have no tunnel key, but these words. */
SEC("tc")
int from_tunnel_test(struct __sk_buff* skb) {
  struct bpf_tunnel_key key = {};
  key.tunnel_id = skb->cb[0];
  key.remote_ipv4 = skb->cb[1];
  return tunnelled(skb, &key);
}

/* tc ingress of the underlay's interface: what the VXLAN device would deliver into a container gets there at once. All
 * else takes the kernel's way: other traffic, floods, heartbeats, what isn't quite usual. */
SEC("tc")
int from_wire(struct __sk_buff* skb) {
  struct wire_headers* wire = (void*)(long)skb->data;
  if ((void*)(wire + 1) > (void*)(long)skb->data_end) return TC_ACT_UNSPEC;
  if (wire->type != bpf_htons(ETH_P_IP) || wire->protocol != IPPROTO_UDP) return TC_ACT_UNSPEC;
  struct fastdp_settings* now = get_settings();
  if (!now || wire->udp_destination != bpf_htons((__u16)now->port)) return TC_ACT_UNSPEC;
  if (!may_pop(skb, wire)) return TC_ACT_UNSPEC;

  __u32 vni = bpf_ntohl(wire->vni) >> 8, outer = bpf_ntohl(wire->source);
  struct addresses mac;
  __builtin_memcpy(mac.to.bytes, wire->inner_to, 6);
  __builtin_memcpy(mac.from.bytes, wire->inner_from, 6);
  mac.to.zero = mac.from.zero = 0;
  struct fastdp_source* from = bpf_map_lookup_elem(&sources, &outer);
  if (!from || from->local != bpf_ntohl(wire->destination) || from->esp_port) return TC_ACT_UNSPEC;
  __u32 source = vni & 0xfff;
  if (vni >> 12 != now->self || source == now->self || !way_to(source)) return TC_ACT_UNSPEC;
  if (is_multicast(&mac.from) || is_zero(&mac.from)) return TC_ACT_UNSPEC;
  struct fastdp_place* there = bpf_map_lookup_elem(&macs, &mac.to);
  if (!there || !(there->place & FASTDP_PLACE_CONTAINER)) return TC_ACT_UNSPEC;
  __u32 container = there->place & ~FASTDP_PLACE_CONTAINER;

  if (learn(&mac.from, source, now->epoch)) return drop(FASTDP_DROP_SPOOFED);
  if (pop(skb, &mac)) return drop(FASTDP_DROP_ERROR);
  count_frame(FASTDP_RECEIVED, skb->len);
  count(FASTDP_POPPED);
  count(FASTDP_DIRECT);
  return into_container(skb, container);
}

/* tc egress of the underlay's interface: the last look at what leaves. Nothing that should have become ESP gets past,
 * whoever lost the policies, or the packet's mark. */
SEC("tc")
int to_wire(struct __sk_buff* skb) {
  struct {
    __u8 version, tos;
    __be16 length, identification, fragment;
    __u8 ttl, protocol;
    __be16 checksum;
    __be32 source, destination;
  } ip;
  if (skb->protocol != bpf_htons(ETH_P_IP)) return TC_ACT_UNSPEC;
  if (bpf_skb_load_bytes_relative(skb, 0, &ip, sizeof ip, BPF_HDR_START_NET)) return TC_ACT_UNSPEC;
  if (ip.protocol != IPPROTO_UDP) return TC_ACT_UNSPEC;
  if (skb->mark & FASTDP_MARK) return drop(FASTDP_DROP_CLEAR);
  __u32 destination = bpf_ntohl(ip.destination);
  struct fastdp_source* to = bpf_map_lookup_elem(&sources, &destination);
  if (!to || !to->esp_port || ip.fragment & bpf_htons(0x1fff)) return TC_ACT_UNSPEC;
  struct {
    __be16 source, destination;
  } udp;
  if (bpf_skb_load_bytes_relative(skb, (ip.version & 15) * 4, &udp, sizeof udp, BPF_HDR_START_NET))
    return TC_ACT_UNSPEC;
  return udp.destination == bpf_htons((__u16)to->esp_port) ? drop(FASTDP_DROP_CLEAR) : TC_ACT_UNSPEC;
}

/* tc ingress of sleeve's TAP. */
SEC("tc")
int from_sleeve(struct __sk_buff* skb) {
  struct addresses mac;
  struct fastdp_settings* now = get_settings();
  if (!now || now->self == FASTDP_NO_SELF) return drop(FASTDP_DROP_NO_SELF);
  if (!skb->vlan_present) return drop(FASTDP_DROP_UNKNOWN_PEER);
  int two = skb->vlan_proto == bpf_htons(ETH_P_8021AD);
  __u32 source = skb->vlan_tci & 0xfff, destination = now->self;
  if (bpf_skb_vlan_pop(skb)) return drop(FASTDP_DROP_ERROR);
  if (two) {
    destination = skb->vlan_tci & 0xfff;
    if (!skb->vlan_present || bpf_skb_vlan_pop(skb)) return drop(FASTDP_DROP_ERROR);
  }
  if (read_addresses(skb, &mac)) return drop(FASTDP_DROP_ERROR);
  count(FASTDP_FROM_SLEEVE);
  return arrive(skb, now, &mac, source, destination, 0, 0);
}

/* None of the helpers used asks for the GPL. */
char licence[] SEC("license") = "Apache-2.0";
