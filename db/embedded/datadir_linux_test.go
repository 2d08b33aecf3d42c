package embedded

import "testing"

func TestAUsersDataGoesWhereTheDesktopSpecificationSays(t *testing.T) {
	cases := map[string]struct{ xdg, home, want string }{
		"XDG_DATA_HOME":  {"/data/home", "/home/ana", "/data/home"},
		"not set":        {"", "/home/ana", "/home/ana/.local/share"},
		"relative":       {"data", "/home/ana", "/home/ana/.local/share"},
		"no home at all": {"", "", ""},
	}
	for name, c := range cases {
		t.Setenv("XDG_DATA_HOME", c.xdg)
		t.Setenv("HOME", c.home)
		got, err := userDataHome()
		if got != c.want || (err != nil) != (c.want == "") {
			t.Errorf("%s: %q, %v; want %q", name, got, err, c.want)
		}
	}
}
