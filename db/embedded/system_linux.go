package embedded

import (
	"fmt"
	"os"
	"strings"
)

// impostor tells whether a living pid is something else than a Postgres: the number was given to another process or to
// a thread (in a container numbers start over), or it is a zombie that nobody has reaped yet.
func impostor(pid int) bool {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	// pid (name) state …: the name may hold parentheses (proc(5)).
	stat := string(content)
	open, shut := strings.IndexByte(stat, '('), strings.LastIndexByte(stat, ')')
	if open < 0 || shut < open || len(stat) < shut+3 {
		return false
	}
	name, state := stat[open+1:shut], stat[shut+2]
	return !strings.Contains(name, "postgres") || state == 'Z' || state == 'X'
}
