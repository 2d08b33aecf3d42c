package views

import "strings"

// endless is a word that fits on no line.
const endless = "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggggggggghhhhhhhhhhiiiiiiiiiijjjjjjjjjj"

// sampleErrors are the problems on the page of components.
var sampleErrors = Errors{"field-wrong": "This is no amount. Write it as 65 or 65.50."}

// badgeNames say what each kind of badge is for.
var badgeNames = map[string]string{"": "Plain", "new": "New", "good": "Good", "busy": "Under way", "bad": "Bad", "done": "Done"}

// anchor is the id of a part by its title.
func anchor(title string) string {
	return strings.ReplaceAll(strings.ReplaceAll(strings.ToLower(title), ",", ""), " ", "-")
}
