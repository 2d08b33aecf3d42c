package sandbox

import (
	"bytes"
	"cmp"
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
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
	App      string
	People   []Person
	Me       *Person // who is signed in in this browser
	Problem  string  // with the choice
	New      newcomer
	Refused  string // shown instead of all else
}

// newcomer is the form of somebody new, as typed.
type newcomer struct{ Name, Email, Problem string }

func (s *Server) home(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, "/sign-in", http.StatusSeeOther)
}

func (s *Server) style(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	fmt.Fprint(w, styleText)
}

// back checks that an address leads to the app: whoever is sent elsewhere would take a token along.
func (s *Server) back(address string) (*url.URL, bool) {
	u, err := url.Parse(address)
	if err != nil || u.User != nil || u.Scheme+"://"+strings.ToLower(u.Host) != s.app {
		return nil, false
	}
	return u, true
}

func client(r *http.Request) string {
	ck, err := r.Cookie(clientCookie)
	if err != nil {
		return ""
	}
	return ck.Value
}

func setClient(w http.ResponseWriter, value string) {
	http.SetCookie(w, &http.Cookie{Name: clientCookie, Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, MaxAge: age(value)})
}

// signInPage always lets people choose, even when somebody is signed in: that is what it is for.
func (s *Server) signInPage(w http.ResponseWriter, r *http.Request) {
	redirect := r.URL.Query().Get("redirect_url")
	if redirect == "" {
		redirect = s.app
	}
	if _, ok := s.back(redirect); !ok {
		s.refuse(w)
		return
	}
	s.show(w, r, http.StatusOK, pageData{Redirect: redirect})
}

// refuse says that a page was opened with an address that is not the app's.
func (s *Server) refuse(w http.ResponseWriter) {
	s.draw(w, http.StatusBadRequest, pageData{App: s.app, Refused: "The sandbox sends people back to " + s.app + " only, and was asked for another address."})
}

func (s *Server) show(w http.ResponseWriter, r *http.Request, status int, d pageData) {
	d.App = s.app
	s.state.look(func(data *saved) {
		for _, p := range data.People {
			d.People = append(d.People, p)
		}
		if v, ok := data.of(client(r), s.now()); ok {
			me := data.People[v.Person]
			d.Me = &me
		}
	})
	slices.SortFunc(d.People, func(a, b Person) int {
		return cmp.Or(cmp.Compare(s.state.place(a), s.state.place(b)), cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	s.draw(w, status, d)
}

// place is where a person stands on the page: as in the seed, and behind it who was added.
func (st *state) place(p Person) int {
	if i, ok := st.order[p.ID]; ok {
		return i
	}
	return math.MaxInt
}

func (s *Server) draw(w http.ResponseWriter, status int, d pageData) {
	var b bytes.Buffer
	if err := page.Execute(&b, d); err != nil {
		s.fail(w, "page", err)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	if _, err := b.WriteTo(w); err != nil {
		s.log.Warn("sandbox page", "error", err)
	}
}

// signIn makes a session and goes back to the app with the token of this development browser, as Clerk's hosted pages do.
func (s *Server) signIn(w http.ResponseWriter, r *http.Request) {
	s.enter(w, r, r.PostFormValue("user_id"))
}

func (s *Server) enter(w http.ResponseWriter, r *http.Request, person string) {
	to, ok := s.back(r.PostFormValue("redirect_url"))
	if !ok {
		s.refuse(w)
		return
	}
	var cookie string
	err := s.state.change(func(d *saved) (err error) {
		cookie, err = d.signIn(client(r), person, s.now())
		return err
	})
	if errors.Is(err, errNobody) {
		s.show(w, r, http.StatusUnprocessableEntity, pageData{Redirect: to.String(), Problem: "There is no such person any more. Choose one of these."})
		return
	}
	if err != nil {
		s.fail(w, "sign-in", err)
		return
	}
	setClient(w, cookie)
	q := to.Query()
	q.Set("__clerk_db_jwt", newDevBrowser())
	to.RawQuery = q.Encode()
	http.Redirect(w, r, to.String(), http.StatusSeeOther)
}

// addPerson makes somebody new, who is in no organization, and signs them in.
func (s *Server) addPerson(w http.ResponseWriter, r *http.Request) {
	redirect := r.PostFormValue("redirect_url")
	if _, ok := s.back(redirect); !ok {
		s.refuse(w)
		return
	}
	form := newcomer{Name: strings.Join(strings.Fields(r.PostFormValue("name")), " "), Email: strings.ToLower(strings.TrimSpace(r.PostFormValue("email")))}
	var p Person
	err := s.state.change(func(data *saved) (err error) {
		if err = checkPerson(form.Name, form.Email); err == nil {
			p, err = data.add(form.Name, form.Email)
		}
		return err
	})
	var problem problem
	switch {
	case errors.As(err, &problem):
		form.Problem = problem.Error()
		s.show(w, r, http.StatusUnprocessableEntity, pageData{Redirect: redirect, New: form})
	case err != nil:
		s.fail(w, "adding a person", err)
	default:
		s.enter(w, r, p.ID)
	}
}

// problem is what is wrong with what somebody typed.
type problem string

// Error is for the one who typed it.
func (p problem) Error() string { return string(p) }

func checkPerson(name, email string) error {
	switch {
	case name == "" || utf8.RuneCountInString(name) > 100 || !utf8.ValidString(name) || strings.ContainsRune(name, 0):
		return problem("Give a name of at most 100 characters.")
	case len(email) > 200 || !utf8.ValidString(email) || strings.Count(email, "@") != 1 || strings.Trim(email, "@") != email || strings.ContainsFunc(email, notInEmail):
		return problem("Give an email address, like name@example.com.")
	}
	return nil
}

func notInEmail(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune(`<>"(),:;\`, r) }

// signOut ends the session of this browser and shows the page again.
func (s *Server) signOut(w http.ResponseWriter, r *http.Request) {
	to, ok := s.back(r.PostFormValue("redirect_url"))
	if !ok {
		s.refuse(w)
		return
	}
	err := s.state.change(func(d *saved) error {
		d.signOut(client(r), ended)
		return nil
	})
	if err != nil {
		s.fail(w, "sign-out", err)
		return
	}
	setClient(w, "")
	http.Redirect(w, r, "/sign-in?"+url.Values{"redirect_url": {to.String()}}.Encode(), http.StatusSeeOther)
}

// fail is the answer when the sandbox itself is at fault, as when its state cannot be written.
func (s *Server) fail(w http.ResponseWriter, what string, err error) {
	s.log.Error("sandbox", "doing", what, "error", err)
	http.Error(w, "The sandbox could not do this; the log says why.", http.StatusInternalServerError)
}
