package job

import "testing"

func FuzzCursor(f *testing.F) {
	for _, s := range []string{"", "x", "1.x", "0.01890000-0000-7000-8000-000000000000", "253402300799000000.{01890000-0000-7000-8000-000000000000}", "9223372036854775808.01890000-0000-7000-8000-000000000000", "-1.0", "+7.urn:uuid:01890000-0000-7000-8000-000000000000"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, err := ParseCursor(s)
		if err != nil {
			if c != (Cursor{}) {
				t.Fatalf("%q is no cursor, and is %v", s, c)
			}
			return
		}
		again, err := ParseCursor(c.String())
		if err != nil || again != c {
			t.Fatalf("%q became %q and then %v, %v", s, c, again, err)
		}
		if c.Key < -1 || c.Key > maxMicros {
			t.Fatalf("%q is at %d", s, c.Key)
		}
	})
}
