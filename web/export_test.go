package web

// Route is a row of the route table, for tests that go through all of it.
type Route struct{ Method, Path, Policy string }

// Routes is the whole table.
func Routes() []Route {
	var all []Route
	for _, r := range (&handlers{}).routes() {
		all = append(all, Route{r.method, r.path, r.door.policy})
	}
	return all
}
