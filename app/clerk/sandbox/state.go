package sandbox

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"sync"
	"time"
)

// Bounds of what anybody on this machine could make the sandbox keep.
const (
	maxPeople        = 500
	maxOrganizations = 1000
	maxSessions      = 1000
	maxNonces        = 1000
	maxMembers       = 5 // of an organization made here, as at Clerk; the seed may have more
)

// state is everything that the sandbox knows.
type state struct {
	file string
	key  *rsa.PrivateKey

	mu     sync.Mutex
	data   saved
	nonces map[string]nonce
}

// saved is the part of it that outlives the process.
type saved struct {
	Key           string                   `json:"key"` // PKCS #8 in PEM
	People        map[string]Person        `json:"people"`
	Organizations map[string]*Organization `json:"organizations"`
	Sessions      map[string]*session      `json:"sessions"`
	Clients       map[string]string        `json:"clients"` // a browser's __client cookie to its session
}

// session is one signed-in browser.
type session struct {
	ID        string    `json:"id"` // sess_…
	Person    string    `json:"person"`
	Status    string    `json:"status"` // active or revoked
	CreatedAt time.Time `json:"created_at"`
}

// nonce stands for the directives of a handshake for a minute.
type nonce struct {
	directives []string
	until      time.Time
}

func openState(file string, seed Seed) (*state, error) {
	st := &state{file: file, nonces: map[string]nonce{}, data: saved{
		People: map[string]Person{}, Organizations: map[string]*Organization{}, Sessions: map[string]*session{}, Clients: map[string]string{},
	}}
	if err := st.load(); err != nil {
		return nil, err
	}
	for _, p := range seed.People {
		st.data.People[p.ID] = p
	}
	for _, o := range seed.Organizations {
		if _, ok := st.data.Organizations[o.ID]; !ok {
			st.data.Organizations[o.ID] = &o
		}
	}
	if err := st.loadKey(); err != nil {
		return nil, err
	}
	return st, st.save()
}

func (st *state) load() error {
	if st.file == "" {
		return nil
	}
	content, err := os.ReadFile(st.file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(content, &st.data); err != nil {
		return fmt.Errorf("%s is damaged; remove it to begin anew: %w", st.file, err)
	}
	return nil
}

func (st *state) loadKey() error {
	if block, _ := pem.Decode([]byte(st.data.Key)); block != nil {
		key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if rsaKey, ok := key.(*rsa.PrivateKey); err == nil && ok {
			st.key = rsaKey
			return nil
		}
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	st.key, st.data.Key = key, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	return nil
}

// save writes a side file and renames it, so that a crash leaves the old state or the new one. The caller holds mu, or is
// alone.
func (st *state) save() error {
	if st.file == "" {
		return nil
	}
	content, err := json.Marshal(st.data)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(st.file), 0o755); err != nil {
		return err
	}
	side, err := os.CreateTemp(filepath.Dir(st.file), "sandbox") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(side.Name()) // gone already when all went well
	_, err = side.Write(content)
	if err := errors.Join(err, side.Close()); err != nil {
		return err
	}
	return os.Rename(side.Name(), st.file)
}

// errFull says that a bound is reached.
var errFull = errors.New("the sandbox is full; remove its state file to begin anew")

// change runs fn on the data and keeps what it did.
func (st *state) change(fn func(*saved) error) error {
	st.mu.Lock()
	defer st.mu.Unlock()
	if err := fn(&st.data); err != nil {
		return err
	}
	return st.save()
}

// look runs fn on the data, which it must not keep or change.
func (st *state) look(fn func(*saved)) {
	st.mu.Lock()
	defer st.mu.Unlock()
	fn(&st.data)
}

// signIn makes a session of a person for a browser. The oldest sessions make room.
func (d *saved) signIn(client, person string, now time.Time) (*session, error) {
	if _, ok := d.People[person]; !ok {
		return nil, errors.New("there is no such person")
	}
	if old, ok := d.Sessions[d.Clients[client]]; ok {
		old.Status = "revoked"
	}
	d.prune()
	s := &session{ID: "sess_" + rand.Text(), Person: person, Status: "active", CreatedAt: now}
	d.Sessions[s.ID], d.Clients[client] = s, s.ID
	return s, nil
}

func (d *saved) prune() {
	if len(d.Sessions) < maxSessions {
		return
	}
	all := make([]*session, 0, len(d.Sessions))
	for _, s := range d.Sessions {
		all = append(all, s)
	}
	sort.Slice(all, func(a, b int) bool { return all[a].CreatedAt.Before(all[b].CreatedAt) })
	for _, s := range all[:len(all)/2] {
		delete(d.Sessions, s.ID)
	}
	for client, id := range d.Clients {
		if _, ok := d.Sessions[id]; !ok {
			delete(d.Clients, client)
		}
	}
}

// active is the session of a browser, if it is one that counts.
func (d *saved) active(client string) (session, bool) {
	s, ok := d.Sessions[d.Clients[client]]
	if !ok || s.Status != "active" {
		return session{}, false
	}
	return *s, true
}

// memberships lists the organizations of a person in a stable order.
func (d *saved) memberships(person string) []*Organization {
	var all []*Organization
	for _, o := range d.Organizations {
		if _, ok := o.Members[person]; ok {
			all = append(all, o)
		}
	}
	sort.Slice(all, func(a, b int) bool { return all[a].ID < all[b].ID })
	return all
}
