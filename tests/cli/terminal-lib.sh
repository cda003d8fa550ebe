# terminal-lib.sh - a program on a terminal of its own. Sourced after image/lib.sh.

SUPPORT=$HERE/../support
COLUMNS_WIDE=80

# on_terminal STATUS EVENT... -- COMMAND...: that on a terminal, and the events of terminal.py; what was on it in log, its frames in lines
on_terminal() {
	local rc=0 want=$1
	shift
	"$PYTHON" "$SUPPORT/terminal.py" log "$COLUMNS_WIDE" "$@" || rc=$?
	tr '\r' '\n' <log | sed 's/\x1b\[K$//' >lines
	check_eq "exit status on the terminal of: $*; $(tail -n 3 lines)" "$want" $rc
	[ $rc = 137 ] || [ -z "$(tail -c 1 log)" ] || fail "the last line on the terminal has no end: $(tail -c 80 log)"
}
