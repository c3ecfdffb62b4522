#!/usr/bin/env bash
# support/processes/machines.sh COUNT COMMAND...   run in namespaces of its own, as root there
#
# Makes COUNT machines with processes, mounts and networks of their own and the addresses 10.99.0.1,
# 10.99.0.2 …, joined by a bridge, and runs COMMAND outside them with their process ids in MACHINES.
# The cable of machine N ends in link "cable-N" out here. Nothing of the real machine is seen or
# touched: `ray stop` in there ends no Ray out here.
set -euo pipefail
count=$1
shift

ip link set lo up
ip address add 10.99.0.100/32 dev lo # without any address, getent finds none
ip link add name switch type bridge
ip link set switch up
pids=()
for ((n = 1; n <= count; n++)); do
  # Bash as the first process collects those that Ray leaves behind.
  unshare --net --pid --fork --kill-child --mount-proc bash -c 'sleep infinity & wait' &
  parent=$!
  until child=$(cat "/proc/$parent/task/$parent/children") && [[ -n $child ]]; do sleep 0.02; done
  child=${child% }
  until [[ $(cat "/proc/$child/comm") == bash ]]; do sleep 0.02; done # it has its network by then
  ip link add name "cable-$n" type veth peer name wire netns "$child"
  ip link set "cable-$n" master switch up
  # Ray asks the way to the internet which address is its own.
  nsenter --target "$child" --net sh -c "ip link set lo up; ip address add 10.99.0.$n/24 dev wire
    ip link set wire up; ip route add default via 10.99.0.254"
  pids+=("$child")
done

export MACHINES="${pids[*]}"
"$@"
