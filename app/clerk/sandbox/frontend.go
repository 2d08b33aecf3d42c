package sandbox

import (
	"crypto/rand"
	_ "embed"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"sort"
	"strings"
	"time"
	"unicode/utf8"
)

// clientCookie identifies a browser on the sandbox's own origin, and never reaches the app.
const clientCookie = "__client"

//go:embed page.html
var pageText string

//go:embed style.css
var styleText string

var page = template.Must(template.New("page").Parse(pageText))

// pageData is what the sign-in page shows.
type pageData struct {
	Redirect string
	People   []Person
	Problem  string
	Name     string
	Email    string
}

func (s *Server) home(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, s.app, http.StatusSeeOther)
}

func (s *Server) style(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	fmt.Fprint(w, styleText)
}

// back checks that an address leads to the app: whoever is sent elsewhere would take a token along.
func (s *Server) back(address string) (*url.URL, bool) {
	u, err := url.Parse(address)
	if err != nil || u.User != nil || u.Scheme+"://"+u.Host != s.app {
		return nil, false
	}
	return u, true
}

func (s *Server) signInPage(w http.ResponseWriter, r *http.Request) {
	redirect := r.URL.Query().Get("redirect_url")
	if redirect == "" {
		redirect = s.app
	}
	s.show(w, http.StatusOK, pageData{Redirect: redirect})
}

func (s *Server) show(w http.ResponseWriter, status int, d pageData) {
	if _, ok := s.back(d.Redirect); !ok {
		http.Error(w, "The sandbox sends people back to "+s.app+" only.", http.StatusBadRequest)
		return
	}
	s.state.look(func(data *saved) {
		for _, p := range data.People {
			d.People = append(d.People, p)
		}
	})
	sort.Slice(d.People, func(a, b int) bool { return d.People[a].Name < d.People[b].Name })
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	if err := page.Execute(w, d); err != nil {
		s.log.Warn("sandbox page", "error", err)
	}
}

// signIn makes a session and goes back to the app with the token of this development browser, as Clerk's hosted pages do.
func (s *Server) signIn(w http.ResponseWriter, r *http.Request) {
	to, ok := s.back(r.PostFormValue("redirect_url"))
	if !ok {
		http.Error(w, "The sandbox sends people back to "+s.app+" only.", http.StatusBadRequest)
		return
	}
	client := s.client(r)
	if client == "" {
		client = rand.Text() + rand.Text()
	}
	err := s.state.change(func(d *saved) error {
		_, err := d.signIn(client, r.PostFormValue("user_id"), s.now())
		return err
	})
	if err != nil {
		s.show(w, http.StatusUnprocessableEntity, pageData{Redirect: to.String(), Problem: "Choose one of the people below."})
		return
	}
	http.SetCookie(w, &http.Cookie{Name: clientCookie, Value: client, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, MaxAge: 365 * 24 * 3600})
	q := to.Query()
	q.Set("__clerk_db_jwt", "dvb_"+rand.Text())
	to.RawQuery = q.Encode()
	http.Redirect(w, r, to.String(), http.StatusSeeOther)
}

func (s *Server) client(r *http.Request) string {
	ck, err := r.Cookie(clientCookie)
	if err != nil {
		return ""
	}
	return ck.Value
}

// addPerson makes somebody new, who is in no organization.
func (s *Server) addPerson(w http.ResponseWriter, r *http.Request) {
	d := pageData{Redirect: r.PostFormValue("redirect_url"), Name: strings.TrimSpace(r.PostFormValue("name")),
		Email: strings.ToLower(strings.TrimSpace(r.PostFormValue("email")))}
	if d.Problem = personProblem(d.Name, d.Email); d.Problem != "" {
		s.show(w, http.StatusUnprocessableEntity, d)
		return
	}
	err := s.state.change(func(data *saved) error {
		if len(data.People) >= maxPeople {
			return errFull
		}
		id := "user_" + rand.Text()
		data.People[id] = Person{ID: id, Name: d.Name, Email: d.Email, Note: "Added here"}
		return nil
	})
	if err != nil {
		d.Problem = "This person could not be added: " + err.Error() + "."
		s.show(w, http.StatusInsufficientStorage, d)
		return
	}
	if _, ok := s.back(d.Redirect); !ok {
		d.Redirect = s.app
	}
	http.Redirect(w, r, "/sign-in?"+url.Values{"redirect_url": {d.Redirect}}.Encode(), http.StatusSeeOther)
}

func personProblem(name, email string) string {
	switch {
	case name == "" || utf8.RuneCountInString(name) > 100 || !utf8.ValidString(name):
		return "Give a name of at most 100 characters."
	case len(email) > 200 || !utf8.ValidString(email) || strings.Count(email, "@") != 1 || strings.ContainsAny(email, " \t\r\n"):
		return "Give an email address."
	}
	return ""
}

// handshake tells the app who this browser is: https://clerk.com/docs/how-clerk-works/overview.
func (s *Server) handshake(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	to, ok := s.back(q.Get("redirect_url"))
	if !ok {
		http.Error(w, "The sandbox sends people back to "+s.app+" only.", http.StatusBadRequest)
		return
	}
	directives, err := s.directives(s.client(r), q.Get("__clerk_db_jwt"), q.Get("organization_id"))
	if err == nil {
		err = s.answerHandshake(to, directives, q.Get("format") == "nonce")
	}
	if err != nil {
		s.log.Warn("sandbox handshake", "error", err)
		http.Error(w, "The sandbox could not answer.", http.StatusInternalServerError)
		return
	}
	http.Redirect(w, r, to.String(), http.StatusTemporaryRedirect)
}

// directives are the Set-Cookie lines that a handshake hands over.
func (s *Server) directives(client, browser, org string) ([]string, error) {
	if browser == "" {
		browser = "dvb_" + rand.Text()
	}
	lines := []string{"__clerk_db_jwt=" + url.QueryEscape(browser) + "; Path=/; SameSite=Lax"}
	var (
		who    session
		signed bool
		active *Organization
	)
	s.state.look(func(d *saved) {
		if who, signed = d.active(client); !signed {
			return
		}
		for _, o := range d.memberships(who.Person) {
			if active == nil || o.ID == org {
				copied := *o
				active = &copied
			}
		}
	})
	if !signed {
		return append(lines, "__client_uat=0; Path=/; SameSite=Lax", "__session=; Path=/; Max-Age=0; SameSite=Lax"), nil
	}
	token, err := s.sessionToken(who, active)
	return append(lines, fmt.Sprintf("__client_uat=%d; Path=/; SameSite=Lax", who.CreatedAt.Unix()), "__session="+token+"; Path=/; SameSite=Lax"), err
}

// answerHandshake puts the directives into the address, signed, or a nonce that stands for them.
func (s *Server) answerHandshake(to *url.URL, directives []string, asNonce bool) error {
	q := to.Query()
	if asNonce {
		n := rand.Text()
		s.keepNonce(n, directives)
		q.Set("__clerk_handshake_nonce", n)
	} else {
		payload, err := s.signer.sign(map[string]any{"handshake": directives})
		if err != nil {
			return err
		}
		q.Set("__clerk_handshake", payload)
	}
	to.RawQuery = q.Encode()
	return nil
}

func (s *Server) keepNonce(n string, directives []string) {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	for old, v := range s.state.nonces {
		if s.now().After(v.until) || len(s.state.nonces) >= maxNonces {
			delete(s.state.nonces, old)
		}
	}
	s.state.nonces[n] = nonce{directives, s.now().Add(time.Minute)}
}
