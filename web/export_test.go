package web

import "github.com/labstack/echo/v4"

// LocalPath is what decides whether an address leads to a page of this site.
var LocalPath = localPath

// Route is a row of the route table, for tests that go through all of it.
type Route struct {
	Method, Path, Policy string
	Body                 int64
}

// Routes is the whole table.
func Routes() []Route {
	var all []Route
	for _, r := range (&handlers{}).routes() {
		all = append(all, Route{r.method, r.path, r.door.policy, r.door.body})
	}
	return all
}

// Handle adds a route that is not in the table, for tests of the chain around it.
func (s *Server) Handle(path string, h func() error) {
	s.patterns[path] = true
	s.echo.GET(path, func(echo.Context) error { return h() })
}
