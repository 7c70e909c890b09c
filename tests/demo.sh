#!/usr/bin/env bash
# The operator's story on a real kube-apiserver, with a simulated HubSpot portal. `make demo` calls it.
# It keeps running until Ctrl-C, for you to look around; with DEMO_EXIT=1 it ends after the story.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly token=pat-na1-00000000-0000-0000-0000-000000000000   # the one in manifests/samples
readonly timeout=60                                           # seconds that any one step may take
tec_crm=${CARGO_TARGET_DIR:-target}/debug/tec-crm
plane_pid='' plane_stdin='' plane='' operator='' simulator=''

chapter=0
tell() { printf '\n%d. %s\n' "$((++chapter))" "$*"; }
# Shows a command as it would be typed, and runs it.
run() {
  local arg line='$'
  for arg; do
    [[ $arg =~ ^[[:alnum:]_./:=@,-]+$ ]] || arg="'$arg'"
    line+=" $arg"
  done
  echo "$line"
  "$@"
}
# $1: absolute path. As seen from here.
near() { realpath --relative-base=. "$1"; }
fail() { echo "demo: $*" >&2; exit 1; }

# In sessions of their own, so that Ctrl-C reaches only this script, which ends them in order; and ended by the kernel
# should this script be killed.
detached() { exec setsid setpriv --pdeathsig KILL "$@"; }

# $1: pid. Asks first, insists after five seconds.
end() {
  kill -TERM "$1" 2> /dev/null || return 0
  for _ in {1..100}; do
    kill -0 "$1" 2> /dev/null || break
    sleep 0.05
  done
  kill -KILL "$1" 2> /dev/null || true
  wait "$1" 2> /dev/null || true
}

finish() {
  local status=$? log   # log: names both the process's log and the variable with its pid
  trap '' INT TERM HUP
  trap - EXIT
  if ((status != 0 && status < 128)) && [[ -n $plane ]]; then
    for log in simulator operator; do
      [[ -s $plane/$log.log ]] || continue
      kill -0 "${!log}" 2> /dev/null || echo "demo: the $log had ended by itself" >&2
      echo "demo: last lines of the $log's log:" >&2
      tail -n 20 "$plane/$log.log" >&2
    done
  fi
  [[ -z $operator ]] || end "$operator"
  [[ -z $simulator ]] || end "$simulator"
  if [[ -n $plane_pid ]]; then
    # The whole group, because it may be in the middle of a build; or it has not yet made the group.
    kill -TERM -- "-$plane_pid" 2> /dev/null || kill -TERM "$plane_pid" 2> /dev/null || true
    exec {plane_stdin}>&- || true
    wait "$plane_pid" 2> /dev/null || true
  fi
  exit "$status"
}

# $1: what is waited for, rest: command that succeeds when it is so.
wait_until() {
  local what=$1 deadline=$((SECONDS + timeout))
  shift
  until "$@" > /dev/null 2>&1; do
    ((SECONDS < deadline)) || fail "after $timeout s still not so: $what"
    alive
    sleep 0.1
  done
}

alive() {
  [[ -z $simulator ]] || kill -0 "$simulator" 2> /dev/null || fail "the simulator ended"
  [[ -z $operator ]] || kill -0 "$operator" 2> /dev/null || fail "the operator ended"
}

# $1: path, rest: more arguments. HubSpot as an admin or an invited person uses it.
hubspot() { curl -fsS --max-time 10 -H "Authorization: Bearer $token" "${@:2}" "$hubspot$1"; }
# Its label, then those of its options, one a line.
schedule_field() { hubspot /crm/v3/properties/contacts/tec_schedule | grep -o '"label": *"[^"]*"' | sed 's/.*: *"\(.*\)"/  \1/'; }
label_is() { [[ $(schedule_field | head -n 1) == "  $1" ]]; }
is_invited() { hubspot /_sim/state | grep '"email": *"ada@example.com"'; }
has_seen_the_spec() {
  local generations
  generations=$(kubectl get crmconnection/portal -o jsonpath='{.metadata.generation} {.status.observedGeneration}')
  [[ ${generations% *} == "${generations#* }" ]]
}
rename_schedule_field() {
  run curl -fsS -o /dev/null -X PATCH -H 'Content-Type: application/json' -d "{\"label\":\"$1\"}" \
    "$hubspot/_sim/ui/properties/tec_schedule"
}
# "Compare now", like the button Refresh on TEC's page.
refresh() { run kubectl annotate --overwrite crmconnection/portal "crm.theeminenceco.com/requestedAt=$(date -u +%FT%TZ)"; }

start_control_plane() {
  coproc PLANE { exec setsid tests/control-plane/up.sh; }   # not killed: it ends, and tidies up, when its stdin does
  # shellcheck disable=SC2153   # coproc sets it
  plane_pid=$PLANE_PID plane_stdin=${PLANE[1]}   # bash forgets its own copies when the process ends
  read -r plane <&"${PLANE[0]}" || fail "the control plane did not start"
  export KUBECONFIG=$plane/admin.kubeconfig
}

start_simulator() {
  detached "$tec_crm" simulate --listen 127.0.0.1:0 --portal 999001 --token "$token" --seed 1 --owner-delay 500 \
    > "$plane/simulator.log" 2>&1 < /dev/null &
  simulator=$!
  wait_until "the simulated HubSpot listens" grep -q 'listening on http' "$plane/simulator.log"
  hubspot=$(grep -om1 'listening on http://[0-9.:]*' "$plane/simulator.log" | cut -d' ' -f3)
}

start_operator() {
  KUBECONFIG=$plane/operator.kubeconfig detached "$tec_crm" run --allow-endpoint "$hubspot" \
    --health-addr 127.0.0.1:0 --cluster-id demo > "$plane/operator.log" 2>&1 < /dev/null &
  operator=$!
}

# The samples, pointed at the simulator instead of HubSpot, and with a short interval, for there is an audience.
write_overlay() {
  mkdir "$plane/demo"
  cat > "$plane/demo/kustomization.yaml" << YAML
resources: [$(realpath --relative-to "$plane/demo" manifests/samples)]
patches:
  - target: {kind: CrmConnection, name: portal}
    patch: |
      - {op: add, path: /spec/apiEndpoint, value: "$hubspot"}
      - {op: add, path: /spec/interval, value: 10s}
YAML
}

story() {
  tell "An empty cluster gets the three kinds, the operator's rights and its Deployment."
  run kubectl apply -k manifests
  run kubectl wait --for=condition=Established crd -l app.kubernetes.io/part-of=tec-crm --timeout="${timeout}s"

  tell "This cluster has no nodes, so the operator runs as a process here, with the rights of its service account."
  start_operator
  echo "The operator has pid $operator; HubSpot, a simulated portal, is at $hubspot"

  tell "A portal, an assistant and her schedules: the files in manifests/samples, pointed at the simulated portal."
  write_overlay
  run kubectl apply -k "$(near "$plane")/demo"

  tell "The operator makes what is missing in the portal: a property group, four fields, the choices of two of them."
  run kubectl wait --for=condition=Ready crmconnection/portal schedulesync/schedules --timeout="${timeout}s"
  run kubectl get crmconnections,schedulesyncs
  echo "The schedule field as HubSpot has it now, with its choices:"
  schedule_field

  tell "It has invited Ada too. Until she accepts, HubSpot has no owner for her and nobody can assign a contact to her."
  run kubectl wait --for=jsonpath='{.status.crmIntegrationStatus}'=ASSISTANT_DOES_NOT_EXISTS_AS_USER_IN_CRM \
    assistant/ada --timeout="${timeout}s"
  wait_until "HubSpot has a user ada@example.com" is_invited
  run kubectl get assistants
  echo "What is done and what comes next:"
  run kubectl get assistant ada -o jsonpath='{range .status.setup[*]}  {.state}{"\t"}{.step}{": "}{.message}{"\n"}{end}'

  tell "She accepts."
  run curl -fsS -o /dev/null -X POST "$hubspot/_sim/invitations/ada@example.com/accept"
  run kubectl wait --for=jsonpath='{.status.crmIntegrationStatus}'=ASSISTANT_EXISTS_AS_USER_IN_CRM \
    assistant/ada --timeout="${timeout}s"
  run kubectl get assistants

  tell "Somebody renames the schedule field in HubSpot. Within the interval (10 s here) it has its name back."
  rename_schedule_field "Renamed by hand"
  schedule_field | head -n 1
  wait_until "the label of tec_schedule is TEC Schedule again" label_is "TEC Schedule"
  schedule_field | head -n 1
  run kubectl events --for crmconnection/portal

  tell "An admin who wants no surprises has the operator only look. The same change again, and it says what it sees."
  run kubectl patch crmconnection/portal --type merge -p '{"spec":{"contactFields":{"mode":"Observe"}}}'
  wait_until "the operator has seen the new spec" has_seen_the_spec
  rename_schedule_field "Renamed on purpose"
  refresh
  run kubectl wait --for=condition=Drifted crmconnection/portal --timeout="${timeout}s"
  run kubectl get crmconnection/portal -o jsonpath='{.status.conditions[?(@.type=="Drifted")].message}{"\n"}'
  echo "In HubSpot it is still:"
  schedule_field | head -n 1
  label_is "Renamed on purpose" || fail "the operator wrote although it was told to observe"

  tell "Told to enforce again, it repairs."
  run kubectl patch crmconnection/portal --type merge -p '{"spec":{"contactFields":{"mode":"Enforce"}}}'
  wait_until "the label of tec_schedule is TEC Schedule again" label_is "TEC Schedule"
  schedule_field | head -n 1

  tell "All of it, as kubectl shows it."
  run kubectl wait --for=condition=Ready crmconnection/portal --timeout="${timeout}s"
  run kubectl get tec
}

look_around() {
  trap 'exit 0' INT
  cat << TEXT

The story is over, everything is still running. In another terminal, in this folder:

  export KUBECONFIG=$(near "$KUBECONFIG")
  kubectl get assistants --watch
  kubectl explain assistant.spec
  curl -s $hubspot/_sim/requests      # every call HubSpot got, counted
  tail -f $(near "$plane")/operator.log

Ctrl-C ends it and leaves nothing behind.
TEXT
  wait -n "$operator" "$simulator" "$plane_pid" || true
  fail "a process ended by itself"
}

for tool in cargo kubectl curl; do command -v "$tool" > /dev/null || fail "$tool is not in PATH"; done
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
cargo build
start_control_plane
start_simulator
story
[[ ${DEMO_EXIT:-} == 1 ]] || look_around
