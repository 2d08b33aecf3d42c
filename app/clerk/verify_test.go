package clerk

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v3"
)

// What the SDK alone takes or refuses wrongly (clerk-sdk-go v2.4.2), and what else a token may be.
func TestVerifyRefusesWhatIsNoSessionTokenOfOurs(t *testing.T) {
	t.Parallel()
	i := start(t, "live")
	now := testNow.Unix()
	type changes = map[string]any
	type headers = map[jose.HeaderKey]any
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	right := token(t, good(nil), nil)
	parts := strings.Split(right, ".")
	encode := base64.RawURLEncoding.EncodeToString

	for name, tt := range map[string]struct {
		token string
		want  error // nil is taken
	}{
		"a right token":                            {right, nil},
		"of a newer kind":                          {token(t, good(nil), headers{"cat": "cl_I7d4PD111III"}), nil},
		"of before there were kinds":               {token(t, good(nil), headers{"cat": nil}), nil},
		"expired 4 s ago by our clock":             {token(t, good(changes{"iat": now - 64, "exp": now - 4}), nil), nil},
		"made 4 s in the future by our clock":      {token(t, good(changes{"iat": now + 4, "nbf": now + 4}), nil), nil},
		"of a pending session":                     {token(t, good(changes{"sts": "pending"}), nil), ErrPending},
		"of a session in a state to come":          {token(t, good(changes{"sts": "frozen"}), nil), ErrPending},
		"made from a template":                     {token(t, good(nil), headers{"cat": "cl_B7d4PD222AAA"}), ErrToken},
		"of a machine":                             {token(t, good(nil), headers{"cat": "cl_B7d4PD333AAA"}), ErrToken},
		"of a kind that is no text":                {token(t, good(nil), headers{"cat": []string{"cl_B7d4PD111AAA"}}), ErrToken},
		"from a template that claims another kind": {token(t, good(changes{"cat": "cl_B7d4PD111AAA", "kid": "ins_1", "alg": "RS256"}), headers{"cat": "cl_B7d4PD222AAA"}), ErrToken},
		"of another type":                          {token(t, good(nil), headers{"typ": "at+jwt"}), ErrToken},
		"without a subject":                        {token(t, good(changes{"sub": nil}), nil), ErrToken},
		"whose subject is in capitals":             {token(t, good(changes{"sub": nil, "SUB": "user_evil"}), nil), ErrToken},
		"whose subject is no person":               {token(t, good(changes{"sub": "mch_1"}), nil), ErrToken},
		"whose subject climbs a path":              {token(t, good(changes{"sub": "user_1/../user_2"}), nil), ErrToken},
		"without a session":                        {token(t, good(changes{"sid": nil}), nil), ErrToken},
		"without an end":                           {token(t, good(changes{"exp": nil}), nil), ErrToken},
		"without a beginning":                      {token(t, good(changes{"iat": nil}), nil), ErrToken},
		"whose end is a word":                      {token(t, good(changes{"exp": "tomorrow"}), nil), ErrToken},
		"without a party":                          {token(t, good(changes{"azp": nil}), nil), ErrParty},
		"for another site":                         {token(t, good(changes{"azp": "https://evil.test"}), nil), ErrParty},
		"for our site in the clear":                {token(t, good(changes{"azp": "http://app.lab.test"}), nil), ErrParty},
		"whose second party is ours":               {sign(t, signingKey(), twice("azp", "https://evil.test", testOrigin), nil), ErrParty},
		"whose second issuer is ours":              {sign(t, signingKey(), twice("iss", "https://evil.test", testFrontend), nil), ErrParty},
		"of an issuer that looks like Clerk":       {token(t, good(changes{"iss": "https://clerk.attacker.tld"}), nil), ErrParty},
		"of an issuer with Clerk in its name":      {token(t, good(changes{"iss": "http://x.clerk.accounts.evil"}), nil), ErrParty},
		"of an issuer that begins like ours":       {token(t, good(changes{"iss": testFrontend + ".evil"}), nil), ErrParty},
		"without an issuer":                        {token(t, good(changes{"iss": nil}), nil), ErrParty},
		"expired 6 s ago":                          {token(t, good(changes{"iat": now - 66, "exp": now - 6}), nil), ErrExpired},
		"made 6 s in the future":                   {token(t, good(changes{"iat": now + 6}), nil), ErrEarly},
		"not valid yet":                            {token(t, good(changes{"nbf": now + 6}), nil), ErrEarly},
		"with an organization that is none":        {token(t, good(changes{"o": changes{"id": "org_a?x=1", "rol": "admin"}}), nil), ErrToken},
		"with an organization that is text":        {token(t, good(changes{"o": "org_1"}), nil), ErrToken},
		"signed by another key":                    {sign(t, other, good(nil), nil), ErrSignature},
		"signed by a key that Clerk does not know": {token(t, good(nil), headers{"kid": "ins_2"}), ErrSignature},
		"with other claims than were signed":       {parts[0] + "." + strings.Split(token(t, good(changes{"sub": "user_2"}), nil), ".")[1] + "." + parts[2], ErrSignature},
		"without a key id":                         {token(t, good(nil), headers{"kid": nil}), ErrToken},
		"without a signature":                      {encode([]byte(`{"alg":"none","kid":"ins_1"}`)) + "." + parts[1] + ".", ErrToken},
		"signed with the public key as a password": {encode([]byte(`{"alg":"HS256","kid":"ins_1"}`)) + "." + parts[1] + "." + parts[2], ErrToken},
		"of another algorithm of RSA":              {encode([]byte(`{"alg":"RS512","kid":"ins_1"}`)) + "." + parts[1] + "." + parts[2], ErrToken},
		"with spaces":                              {parts[0] + ". " + parts[1] + "." + parts[2], ErrToken},
		"as JSON":                                  {`{"protected":"` + parts[0] + `","payload":"` + parts[1] + `","signature":"` + parts[2] + `"}`, ErrToken},
		"written in another way":                   {right[:len(right)-1] + string(right[len(right)-1]+1), ErrSignature},
		"too large":                                {token(t, good(changes{"x": strings.Repeat("x", maxToken)}), nil), ErrToken},
		"empty":                                    {"", ErrToken},
	} {
		got, err := i.Verify(t.Context(), tt.token)
		if !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) || (got == nil) != (err != nil) {
			t.Errorf("a token %s: got %+v, %v; want %v", name, got, err, tt.want)
		}
	}
	if n := i.fetches.Load(); n != 1 {
		t.Errorf("the keys were fetched %d times for all of them, want once", n)
	}
}

// twice are right claims in which one is wrong and follows once more in capitals, which the SDK takes for the same.
func twice(name, wrong, right string) json.RawMessage {
	text, err := json.Marshal(good(map[string]any{name: wrong}))
	if err != nil {
		panic(err)
	}
	return json.RawMessage(fmt.Sprintf("%s,%q:%q}", strings.TrimSuffix(string(text), "}"), strings.ToUpper(name), right))
}

func TestVerifyReadsTheOrganizationOfTheTokensOwnVersion(t *testing.T) {
	t.Parallel()
	i := start(t, "live")
	now := time.Unix(testNow.Unix(), 0)
	whole := Claims{Subject: "user_1", SessionID: "sess_1", IssuedAt: now, ExpiresAt: now.Add(time.Minute)}
	with := func(change func(*Claims)) Claims { c := whole; change(&c); return c }
	for name, tt := range map[string]struct {
		changes map[string]any
		want    Claims
	}{
		"version 2":                           {nil, with(func(c *Claims) { c.OrgID, c.OrgRole = "org_1", "org:admin" })},
		"version 2 without one":               {map[string]any{"o": nil}, whole},
		"version 2 with one in custom claims": {map[string]any{"o": nil, "org_id": "org_evil", "org_role": "org:admin"}, whole},
		"version 1":                           {map[string]any{"v": nil, "o": nil, "org_id": "org_1", "org_role": "org:member"}, with(func(c *Claims) { c.OrgID, c.OrgRole = "org_1", "org:member" })},
		"version 1 with another's claim":      {map[string]any{"v": nil}, whole},
		"an impersonator":                     {map[string]any{"o": nil, "act": map[string]any{"sub": "user_support"}}, with(func(c *Claims) { c.Actor = "user_support" })},
	} {
		got, err := i.Verify(t.Context(), token(t, good(tt.changes), nil))
		if err != nil || *got != tt.want {
			t.Errorf("%s: got %+v, %v; want %+v", name, got, err, tt.want)
		}
	}
}

// Anything at all, and a right token in which one character is another.
func FuzzVerify(f *testing.F) {
	i := start(f, "live")
	right := token(f, good(nil), nil)
	f.Add(right, uint16(0), byte('A'))
	f.Add(token(f, good(map[string]any{"sts": "pending"}), nil), uint16(40), byte('.'))
	f.Add("..", uint16(200), byte('_'))
	f.Add("eyJhbGciOiJub25lIn0.e30.", uint16(600), byte(0))
	f.Fuzz(func(t *testing.T, text string, at uint16, with byte) {
		changed := []byte(right)
		changed[int(at)%len(changed)] = with
		for _, try := range []string{text, string(changed)} {
			claims, err := i.Verify(t.Context(), try)
			if (claims == nil) != (err != nil) {
				t.Errorf("got %v and %v", claims, err)
			}
			if err == nil && try != right {
				t.Errorf("took %q", try)
			}
		}
	})
}
