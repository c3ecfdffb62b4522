#!/usr/bin/env bash
# machines.sh COUNT COMMAND...   run in namespaces of its own, as root there
#
# Makes COUNT machines, 1 or 2, with processes and networks of their own and the addresses 10.99.0.1
# and 10.99.0.2, and runs COMMAND outside them with their process ids in MACHINES, for srun. Nothing
# of the real machine is seen or touched: `ray stop` in there ends no Ray out here.
set -euo pipefail
count=$1
shift

ip link set lo up
ip address add 10.99.0.100/32 dev lo # without any address, getent finds none
pids=()
for ((n = 0; n < count; n++)); do
  # Bash as the first process collects those that Ray leaves behind.
  unshare --net --pid --fork --kill-child --mount-proc bash -c 'sleep infinity & wait' &
  parent=$!
  until child=$(cat "/proc/$parent/task/$parent/children") && [[ -n $child ]]; do sleep 0.02; done
  child=${child% }
  until [[ $(cat "/proc/$child/comm") == bash ]]; do sleep 0.02; done # it has its network by then
  nsenter --target "$child" --net ip link set lo up
  pids+=("$child")
done

if ((count == 1)); then
  nsenter --target "${pids[0]}" --net ip address add 10.99.0.1/24 dev lo
else
  ip link add name left type veth peer name right
  ip link set left netns "${pids[0]}"
  ip link set right netns "${pids[1]}"
  # Ray asks the way to the internet which address is its own.
  nsenter --target "${pids[0]}" --net sh -c 'ip address add 10.99.0.1/24 dev left
    ip link set left up; ip route add default via 10.99.0.2'
  nsenter --target "${pids[1]}" --net sh -c 'ip address add 10.99.0.2/24 dev right
    ip link set right up; ip route add default via 10.99.0.1'
fi

export MACHINES="${pids[*]}"
"$@"
