# As test/e2e/relay.bats, in one cluster with Weave Net's router: WEAVER_BIN, made by test/interop/build.
load ../e2e/host
load ../e2e/lib/fastdp
load ../e2e/lib/relay

teardown() { hosts_down; }

@test "with Weave Net: sleeve, fast datapath, sleeve" {
  line "" g d d g
  all_sizes
  groups 1 2
  groups 1 3
}

@test "with Weave Net: bridge" {
  line "" g b
  all_sizes
  groups 1 2
}

@test "with Weave Net: fast datapaths behind each other" {
  line "" d d d g
  all_sizes
}

@test "with Weave Net and a password" {
  line "--password=secret" g d b g
  all_sizes
}
