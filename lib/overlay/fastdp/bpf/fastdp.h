/* What the programs of the fast datapath and their control share: the layout of the maps. Plain C, read by both.
 *
 * Addresses, ports and ids are in host byte order. A map's value that the programs read while the control writes it is
 * one 32-bit word, or an element of a hash, which the kernel replaces in one piece. That is why a peer's way is the
 * number of a hop: hops are never changed while a peer refers to them, so a frame can't meet half of a change. */
#ifndef WEAVE_OVERLAY_BPF_FASTDP_H
#define WEAVE_OVERLAY_BPF_FASTDP_H
#include <linux/types.h>

/* To be raised with every change of a map: programs with another layout get maps of their own. */
#define FASTDP_LAYOUT 3

#define FASTDP_IDS 4096     /* short ids */
#define FASTDP_HOPS 1024    /* hop slots; 0 isn't used */
#define FASTDP_FLOOD 256    /* neighbours that one flood can go to */
#define FASTDP_MACS 65536   /* entries of the MAC table, the least used of which go first */
#define FASTDP_SOURCES 4096 /* outer addresses that frames are taken from */
#define FASTDP_TAP_BYTES 65536

/* In a packet's mark. Going out: it must leave as ESP, as IPsec policies see to; to_wire stops it otherwise. Coming in:
 * it came as ESP, as the association has set it. Weave Net uses the same. */
#define FASTDP_MARK 0x20000u

/* Fixed when the programs are loaded. */
struct fastdp_constants {
  __u32 direct;         /* frames may go straight into containers */
  __u32 old_tunnel_key; /* the kernel is older than 6.0: its tunnel keys have no local address */
};

/* settings[0] */
struct fastdp_settings {
  __u32 self;        /* our short id; FASTDP_NO_SELF: none yet */
  __u32 epoch;       /* the MAC table's clock, moved on by the control: without it nothing ages */
  __u32 bridge_port; /* interface index of the bridge's side of the veth pair */
  __u32 sleeve;      /* interface index of sleeve's TAP; 0: none */
  __u32 port;        /* our VXLAN port, whose packets from_wire looks at */
};
#define FASTDP_NO_SELF 0xffffffffu

/* peers[short id]: how frames get to it. 0: we know of no such peer. Otherwise a hop's slot or one of these. */
#define FASTDP_WAY_NONE 0xfffdu   /* known, out of reach */
#define FASTDP_WAY_SELF 0xfffeu   /* ourself */
#define FASTDP_WAY_SLEEVE 0xffffu /* by sleeve's TAP */

/* hops[slot]: a neighbour by the fast datapath. */
struct fastdp_hop {
  __u32 remote, local;
  __u32 device; /* interface index of the VXLAN device with the port of this connection */
  __u32 mark;   /* FASTDP_MARK; 0: not encrypted */
  __u32 port;   /* VXLAN port */
  /* Where the programs push the outer headers themselves: the underlay's interface (0: they don't) and the gateway on
   * it (0: the remote address itself). */
  __u32 underlay, gateway;
};

/* floods[source's short id]: the neighbours that a broadcast of the source goes to from here. */
struct fastdp_flood {
  __u32 count;
  __u16 ids[FASTDP_FLOOD];
};

/* sources[outer address]: frames are taken from there. */
struct fastdp_source {
  __u32 local;    /* our address that they come to */
  __u32 esp_port; /* the VXLAN port whose packets must be encrypted, from there and to there; 0: none */
};

/* macs[MAC]: where it was last seen. */
struct fastdp_mac {
  __u8 bytes[6];
  __u16 zero;
};
struct fastdp_place {
  __u32 place;
  __u32 epoch;
};
#define FASTDP_PLACE_BRIDGE 0x10000u       /* below: a peer's short id; this: somewhere on our bridge */
#define FASTDP_PLACE_HOST 0x20000u         /* on our bridge, by the control's word: no frame moves it */
#define FASTDP_PLACE_CONTAINER 0x80000000u /* | interface index of the host end of a container's veth */

/* What goes through the ring buffer: a frame with both MACs zero came from the tunnel. */
struct fastdp_heartbeat {
  __u32 vni;
  __u32 remote, local; /* outer addresses; local: 0 where the kernel doesn't tell */
  __u32 length;        /* of the inner frame */
  __u32 encrypted;     /* it came as ESP */
  __u8 head[24];       /* its first bytes, zeros where there are none */
};

/* statistics[counter], each a CPU's: frames by the first enumeration, then bytes of the frames of its first three. */
enum fastdp_counter {
  FASTDP_SENT,      /* to the tunnel, floods as often as they went */
  FASTDP_RECEIVED,  /* from the tunnel, for here */
  FASTDP_RELAYED,   /* from the tunnel to the tunnel */
  FASTDP_TO_SLEEVE, /* handed to sleeve */
  FASTDP_FROM_SLEEVE,
  FASTDP_DIRECT, /* straight into a container */
  FASTDP_PUSHED, /* of those sent: past the VXLAN device */
  FASTDP_POPPED, /* of those received: past the VXLAN device */
  FASTDP_MOVED,  /* MACs seen elsewhere than before */
  FASTDP_HEARTBEATS,
  FASTDP_DROPS,                          /* from here on: dropped, by reason */
  FASTDP_DROP_SOURCE_MAC = FASTDP_DROPS, /* zero or multicast */
  FASTDP_DROP_SPOOFED,                   /* a container's or our own MAC, from elsewhere */
  FASTDP_DROP_CONFLICT,                  /* from our bridge, but at home with another peer */
  FASTDP_DROP_OUTER_SOURCE,              /* not from a neighbour */
  FASTDP_DROP_CLEAR,                     /* not encrypted, from or to a neighbour with whom all is */
  FASTDP_DROP_UNKNOWN_PEER,              /* a short id that nobody has */
  FASTDP_DROP_OWN,                       /* our own short id came from outside */
  FASTDP_DROP_NO_ROUTE,                  /* the peer is out of reach */
  FASTDP_DROP_LOOP,                      /* back to where it came from */
  FASTDP_DROP_LOCAL,                     /* the bridge has delivered it already */
  FASTDP_DROP_STP,
  FASTDP_DROP_NO_SELF,   /* we have no short id yet */
  FASTDP_DROP_HEARTBEAT, /* nobody has collected the ones before */
  FASTDP_DROP_ERROR,     /* the kernel refused an operation */
  FASTDP_COUNTERS
};
#define FASTDP_BYTES FASTDP_COUNTERS /* + FASTDP_SENT, _RECEIVED or _RELAYED */
#define FASTDP_STATISTICS (FASTDP_BYTES + FASTDP_RELAYED + 1)

#endif
