package views

import (
	"upwork-ai-agent/db/control"
	"upwork-ai-agent/db/place"
)

// operatorPages are the entries of the operator's navigation.
var operatorPages = []struct{ section, path, name string }{
	{"overview", "/admin", "Overview"},
}

// OverviewPage is the operator's first page.
type OverviewPage struct {
	Shell
	States []control.StateCount
}

// stateName is a state in words, the usual one too.
func stateName(s place.State) string {
	if name := stateNames[s]; name != "" {
		return name
	}
	return string(s)
}
