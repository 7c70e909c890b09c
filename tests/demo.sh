#!/usr/bin/env bash
# The operator's story on a real kube-apiserver, with a simulated HubSpot portal and a simulated TEC. `make demo` calls it.
# It keeps running until Ctrl-C, for you to look around; with DEMO_EXIT=1 it ends after the story.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Those in manifests/samples.
readonly token=pat-na1-00000000-0000-0000-0000-000000000000
readonly tec_token=tec-00000000-0000-0000-0000-000000000000
readonly signing_secret=00000000-0000-0000-0000-000000000000
readonly webhook_url=https://crm-hooks.example.com/hubspot
readonly person=pat-na1-00000000-0000-0000-0000-00000000c0de   # who looks around; another app's, with limits of its own
readonly timeout=60   # seconds that any one step may take
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
hubspot() { curl -fsS --max-time 10 -H "Authorization: Bearer $person" "${@:2}" "$hubspot$1"; }
# Its label, then those of its options, one a line.
schedule_field() { hubspot /crm/v3/properties/contacts/tec_schedule | grep -o '"label": *"[^"]*"' | sed 's/.*: *"\(.*\)"/  \1/'; }
label_is() { [[ $(schedule_field | head -n 1) == "  $1" ]]; }
is_invited() { hubspot /_sim/state | grep '"email": *"ada@example.com"'; }
has_seen_the_spec() {
  local generations
  generations=$(kubectl get crmconnection/portal -o jsonpath='{.metadata.generation} {.status.observedGeneration}')
  [[ ${generations% *} == "${generations#* }" ]]
}
# $1: method, $2: path, $3: body. What a person does in HubSpot's pages, or TEC of its own accord.
happens() { run curl -fsS -o /dev/null -X "$1" -H 'Content-Type: application/json' -d "$3" "$hubspot/_sim/$2"; }
rename_schedule_field() { happens PATCH ui/properties/tec_schedule "{\"label\":\"$1\"}"; }
# $1: object. "Compare now", like the button Refresh on TEC's page.
refresh() { run kubectl annotate --overwrite "$1" "crm.theeminenceco.com/requestedAt=$(date -u +%FT%TZ)"; }
# $1: code, rest: more arguments. Waits until Ada has it.
wait_for_code() { run kubectl wait --for=jsonpath='{.status.crmIntegrationStatus}'="$1" assistant/ada --timeout="${timeout}s"; }

# $1: name. The id of the contact.
contact() {
  hubspot "/crm/v3/objects/contacts/$1@customer.example.com?idProperty=email" | sed -nE 's/.*"id": *"([0-9]+)".*/\1/p'
}
# $1: ids, comma-separated, $2: field, $3: value. A salesperson marks contacts in a list and edits them.
edit() { happens PATCH ui/contacts "{\"ids\":[\"${1//,/\",\"}\"],\"properties\":{\"$2\":\"$3\"}}"; }
# $1: contact, $2: the event without its contact.
tec_says() { happens POST tec/events "{\"events\":[{\"crmId\":\"$1\",$2}]}"; }

# $1: JSON object, $2: name of a text in it, $3: what to say if there is none.
text() { [[ $1 =~ \"$2\":\"([^\"]*)\" ]] && echo "${BASH_REMATCH[1]}" || echo "${3:-}"; }
# $1: contact. What a salesperson sees of it in HubSpot, oldest first.
timeline() {
  local entry what
  while read -r entry; do
    case $(text "$entry" kind) in
      owner) what="owner   $(text "$entry" from nobody) -> $(text "$entry" to nobody)" ;;
      status) what="field   $(text "$entry" property): $(text "$entry" to "(empty)")" ;;
      note) what="note    by $(text "$entry" owner): $(text "$entry" body)" ;;
      email) what="e-mail  from $(text "$entry" from): $(text "$entry" subject) | $(text "$entry" text)" ;;
      task) what="task    $(text "$entry" subject)" ;;
      *) what=$entry ;;
    esac
    printf '  %s  %s\n' "$(text "$entry" at | cut -c 12-19)" "$what"
  done < <(hubspot "/_sim/timeline/$1" | sed 's/},{/}\n{/g'; echo)
}
show_timeline() {
  echo "\$ curl -s $hubspot/_sim/timeline/$1   # put into lines:"
  timeline "$1"
}
# $1: contact, $2: pattern, $3: how often it is seen, once if not said.
shows() { (($(timeline "$1" | grep -c -- "$2") >= ${3:-1})); }

start_control_plane() {
  coproc PLANE { exec setsid tests/control-plane/up.sh; }   # not killed: it ends, and tidies up, when its stdin does
  # shellcheck disable=SC2153   # coproc sets it
  plane_pid=$PLANE_PID plane_stdin=${PLANE[1]}   # bash forgets its own copies when the process ends
  read -r plane <&"${PLANE[0]}" || fail "the control plane did not start"
  export KUBECONFIG=$plane/admin.kubeconfig
}

start_simulator() {
  # A salesperson with two contacts, and schedules TEC knows.
  cat > "$plane/state.yaml" << YAML
users: [{email: sam@example.com, firstName: Sam}]
contacts:
  - {owner: sam@example.com, properties: {email: lena@customer.example.com, firstname: Lena}}
  - {owner: sam@example.com, properties: {email: omar@customer.example.com, firstname: Omar}}
tec:
  schedules: [{id: "101", name: Weekdays 9-17}, {id: "102", name: Weekdays 8-20}, {id: "103", name: Every day}]
YAML
  detached "$tec_crm" simulate --listen 127.0.0.1:0 --portal 999001 --token "$token" --seed 1 --owner-delay 500 \
    --tec-listen 127.0.0.1:0 --tec-token "$tec_token" --state "$plane/state.yaml" \
    > "$plane/simulator.log" 2>&1 < /dev/null &
  simulator=$!
  wait_until "the simulated HubSpot and TEC listen" grep -q '^TEC listening on http' "$plane/simulator.log"
  hubspot=$(sed -nE 's/^listening on (http[^ ]*).*/\1/p' "$plane/simulator.log")
  curl -fsS -d "{\"token\":\"$person\",\"appId\":1}" "$hubspot/_sim/tokens"
  tec=$(sed -nE 's/^TEC listening on (http[^ ]*).*/\1/p' "$plane/simulator.log")
}

start_operator() {
  KUBECONFIG=$plane/operator.kubeconfig detached "$tec_crm" run --allow-endpoint "$hubspot" --allow-endpoint "$tec" \
    --health-addr 127.0.0.1:0 --webhook-addr 127.0.0.1:0 --cluster-id demo > "$plane/operator.log" 2>&1 < /dev/null &
  operator=$!
  wait_until "the operator takes webhooks" grep -q 'webhooks are taken' "$plane/operator.log"
  webhooks=$(sed -nE 's/.*webhooks are taken.* address=([0-9.:]+).*/\1/p' "$plane/operator.log")
}

# The samples, pointed at the simulators instead of HubSpot and TEC, and with a short interval, for there is an audience.
write_overlay() {
  mkdir "$plane/demo"
  cat > "$plane/demo/kustomization.yaml" << YAML
resources: [$(realpath --relative-to "$plane/demo" manifests/samples)]
patches:
  - target: {kind: CrmConnection, name: portal}
    patch: |
      - {op: add, path: /spec/apiEndpoint, value: "$hubspot"}
      - {op: replace, path: /spec/tec/endpoint, value: "$tec"}
      - {op: add, path: /spec/interval, value: 10s}
YAML
}

story() {
  tell "An empty cluster gets the three kinds, the operator's rights and its Deployment."
  run kubectl apply -k manifests
  run kubectl wait --for=condition=Established crd -l app.kubernetes.io/part-of=tec-crm --timeout="${timeout}s"

  tell "This cluster has no nodes, so the operator runs as a process here, with the rights of its service account."
  start_operator
  echo "The operator has pid $operator; HubSpot, a simulated portal, is at $hubspot, and a simulated TEC at $tec"

  tell "A portal, an assistant and her schedules: the files in manifests/samples, pointed at the simulators."
  write_overlay
  run kubectl apply -k "$(near "$plane")/demo"

  tell "The operator makes what is missing in the portal: a property group, four fields, the choices of two of them."
  run kubectl wait --for=condition=Ready crmconnection/portal schedulesync/schedules --timeout="${timeout}s"
  run kubectl get crmconnections,schedulesyncs
  echo "The schedule field as HubSpot shows it, a moment later, with its choices:"
  wait_until "HubSpot shows tec_schedule" label_is "TEC Schedule"
  schedule_field

  tell "Nobody has set Ada up in TEC yet. An invitation would go to a mailbox that is not there, so there is none."
  wait_for_code ASSISTANT_NOT_YET_CREATED
  run kubectl get assistants

  tell "She is created in TEC, and somebody asks for a new look. Now she is invited."
  happens POST tec/assistants '{"email":"ada@example.com","name":"Ada"}'
  refresh assistant/ada
  wait_for_code ASSISTANT_DOES_NOT_EXISTS_AS_USER_IN_CRM
  wait_until "HubSpot has a user ada@example.com" is_invited
  run kubectl get assistants
  echo "What is done and what comes next:"
  run kubectl get assistant ada -o jsonpath='{range .status.setup[*]}  {.state}{"\t"}{.step}{": "}{.message}{"\n"}{end}'

  tell "She accepts."
  run curl -fsS -o /dev/null -X POST "$hubspot/_sim/invitations/ada@example.com/accept"
  wait_for_code ASSISTANT_EXISTS_AS_USER_IN_CRM
  run kubectl get assistants

  tell "Somebody renames the schedule field in HubSpot. Within the interval (10 s here) it has its name back."
  rename_schedule_field "Renamed by hand"
  wait_until "HubSpot shows the new label of tec_schedule" label_is "Renamed by hand"
  schedule_field | head -n 1
  wait_until "the label of tec_schedule is TEC Schedule again" label_is "TEC Schedule"
  schedule_field | head -n 1
  run kubectl events --for crmconnection/portal

  tell "An admin who wants no surprises has the operator only look. The same change again, and it says what it sees."
  run kubectl patch crmconnection/portal --type merge -p '{"spec":{"contactFields":{"mode":"Observe"}}}'
  wait_until "the operator has seen the new spec" has_seen_the_spec
  rename_schedule_field "Renamed on purpose"
  refresh crmconnection/portal
  run kubectl wait --for=condition=Drifted crmconnection/portal --timeout="${timeout}s"
  run kubectl get crmconnection/portal -o jsonpath='{.status.conditions[?(@.type=="Drifted")].message}{"\n"}'
  echo "In HubSpot it is still:"
  schedule_field | head -n 1
  label_is "Renamed on purpose" || fail "the operator wrote although it was told to observe"

  tell "Told to enforce again, it repairs."
  run kubectl patch crmconnection/portal --type merge -p '{"spec":{"contactFields":{"mode":"Enforce"}}}'
  wait_until "the label of tec_schedule is TEC Schedule again" label_is "TEC Schedule"
  schedule_field | head -n 1

  leads

  tell "All of it, as kubectl shows it."
  run kubectl wait --for=condition=Ready crmconnection/portal --timeout="${timeout}s"
  run kubectl get crmconnections,schedulesyncs
  run kubectl get assistants
}

# What she is there for.
leads() {
  local ada lena omar
  ada=$(kubectl get assistant/ada -o jsonpath='{.status.ownerId}') lena=$(contact lena) omar=$(contact omar)
  [[ -n $lena && -n $omar ]] || fail "there are no contacts"

  tell "Contacts can flow: HubSpot and TEC answer. HubSpot's webhooks, which make it fast, are sent to the operator."
  run kubectl wait --for=condition=LeadsFlowing crmconnection/portal --timeout="${timeout}s"
  happens POST webhooks \
    "{\"url\":\"$webhook_url\",\"deliverTo\":\"http://$webhooks/hubspot\",\"secret\":\"$signing_secret\"}"

  tell "Sam gives Lena and Omar, two contacts of his, to Ada. TEC has them within a second, and a note says so."
  edit "$lena,$omar" hubspot_owner_id "$ada"
  wait_until "Lena is in work" shows "$lena" "Lead Connection Status: New"
  wait_until "Omar is in work" shows "$omar" "Lead Connection Status: New"
  show_timeline "$lena"

  tell "Ada writes to Lena, Lena answers, and TEC finds her hot. Sam sees it all in HubSpot."
  tec_says "$lena" '"type":"EmailSent","email":{"subject":"A boat for you","text":"Shall we talk about it?"}'
  tec_says "$lena" '"type":"EmailReceived","email":{"subject":"Re: A boat for you","text":"Yes, call me tomorrow."}'
  tec_says "$lena" '"type":"TaskCreated","task":{"subject":"Call Lena"}'
  tec_says "$lena" '"type":"StateChanged","state":"Hot"'
  wait_until "Lena is hot" shows "$lena" "Lead Connection Status: Hot"
  show_timeline "$lena"

  tell "TEC is done with both. Sam has them back."
  tec_says "$lena" '"type":"StateChanged","state":"Responded","done":true'
  tec_says "$omar" '"type":"StateChanged","state":"UnSubscribed","done":true'
  wait_until "Lena is Sam's again" shows "$lena" "ada@example.com -> sam@example.com"
  wait_until "Omar is Sam's again" shows "$omar" "ada@example.com -> sam@example.com"
  show_timeline "$omar"

  tell "By accident Sam marks both in a list and gives them to Ada once more. They come back, with a note."
  edit "$lena,$omar" hubspot_owner_id "$ada"
  wait_until "Lena was refused" shows "$lena" "ada@example.com -> sam@example.com" 2
  wait_until "Omar was refused" shows "$omar" "ada@example.com -> sam@example.com" 2
  show_timeline "$omar" | sed '2,/Unqualified/d'

  tell "Lena is meant to be worked on again: Sam does as the note says, clears the field and assigns her once more."
  edit "$lena" tec_lead_connection_status ""
  edit "$lena" hubspot_owner_id "$ada"
  wait_until "Lena is in work again" shows "$lena" "Lead Connection Status: New" 2
  show_timeline "$lena"

  tell "The first contact was accepted, and leads flow: that is what the last of the four codes says."
  wait_for_code ALL_WORKING_WELL
}

look_around() {
  trap 'exit 0' INT
  cat << TEXT

The story is over, everything is still running. In another terminal, in this folder:

  export KUBECONFIG=$(near "$KUBECONFIG")
  kubectl get assistants --watch
  kubectl explain assistant.spec
  curl -s $hubspot/_sim/requests      # every call HubSpot and TEC got, counted
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
