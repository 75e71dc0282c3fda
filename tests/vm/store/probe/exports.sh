export APP_PROBE_WORD="$(echo '{"word": "exported"}' | jq --raw-output .word)"
