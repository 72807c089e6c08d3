# What a relay does between overlays with different limits: lib/relay.bash.
load host
load lib/fastdp
load lib/relay

teardown() { hosts_down; }

@test "sleeve, fast datapath, sleeve" {
  line "" s d d s
  all_sizes
  groups 1 2
  groups 1 3
  groups 1 4
}

@test "sleeve at one end of a line of fast datapaths" {
  line "" d d d s
  all_sizes
}

@test "sleeve beside bridges" {
  line "" s b b s
  all_sizes
  groups 1 2
  groups 1 3
}

@test "direct and bridge" {
  line "" s d b n
  all_sizes
}

@test "with a password" {
  line "--password=secret" s b d s
  all_sizes
  groups 1 2
}
