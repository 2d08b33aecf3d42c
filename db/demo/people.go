package demo

// Person is somebody who can sign in to the demo. The ID is the one of the sign-in service.
type Person struct{ ID, Email, Name, Note string }

// Member is a person with a role in an organization: owner, admin, manager, member or viewer.
type Member struct {
	Person Person
	Role   string
}

// The people of the demo. The note says what signing in as this person shows.
var (
	mara   = Person{ID: "user_demoMaraVeldane", Email: "mara@example.com", Name: "Mara Veldane", Note: "Owns both organizations"}
	jonas  = Person{ID: "user_demoJonasAchterly", Email: "jonas@example.com", Name: "Jonas Achterly", Note: "Admin of Brindlewick"}
	priya  = Person{ID: "user_demoPriyaSundell", Email: "priya@example.com", Name: "Priya Sundell", Note: "Manager of Brindlewick, approves proposals"}
	ben    = Person{ID: "user_demoBenOstrowen", Email: "ben@example.com", Name: "Ben Ostrowen", Note: "Member of Brindlewick only, writes backend proposals"}
	lucia  = Person{ID: "user_demoLuciaFerranto", Email: "lucia@example.com", Name: "Lucia Ferranto", Note: "Member of Brindlewick, writes design and frontend proposals"}
	kofi   = Person{ID: "user_demoKofiAdumare", Email: "kofi@example.com", Name: "Kofi Adumare", Note: "Member of Brindlewick, writes mobile, data and AI proposals"}
	hanna  = Person{ID: "user_demoHannaWeisling", Email: "hanna@example.com", Name: "Hanna Weisling", Note: "Viewer of both organizations, may read and not write"}
	theo   = Person{ID: "user_demoTheoMarchwood", Email: "theo@example.com", Name: "Theo Marchwood", Note: "Member of Quillmoor only, writes about texts, sound and film"}
	tarrow = Person{ID: "user_demoOlgaTarrowby", Email: "operator@example.com", Name: "Olga Tarrowby", Note: "Operates the platform, belongs to no organization"}
)

// People returns everybody who can sign in to the demo, the operator last.
func People() []Person {
	return []Person{mara, jonas, priya, ben, lucia, kofi, hanna, theo, tarrow}
}

// Operator returns the person who operates the platform and belongs to no organization.
func Operator() Person { return tarrow }

// team is what an organization is before it has content.
type team struct {
	clerkID, name, slug string
	members             []Member
	approver            Person
	writers             map[string][]Person // who writes proposals about a field
	fields              []string            // fields of its own jobs, in order
	categories          map[string]bool     // of jobs that it takes over from the other organization
	letters             []letters           // which proposals it has
	paths               []path              // what came of them, one for each
}

// letters says how many briefs of a field, from which one on, have a proposal in this organization. No brief has one in
// both: no two letters are alike.
type letters struct {
	field       string
	from, until int
}

var brindlewick = team{
	clerkID: "org_demoBrindlewick", name: "Brindlewick Collective", slug: "brindlewick",
	members: []Member{{mara, "owner"}, {jonas, "admin"}, {priya, "manager"}, {ben, "member"}, {lucia, "member"}, {kofi, "member"}, {hanna, "viewer"}},
	writers: map[string][]Person{"backend": {ben, jonas}, "frontend": {lucia, ben}, "mobile": {kofi}, "data": {kofi, priya},
		"operations": {jonas, ben}, "ai": {kofi, priya}, "design": {lucia}},
	approver: priya,
	fields:   []string{"backend", "frontend", "mobile", "data", "operations", "ai", "design", "writing", "media"},
	letters: []letters{{"backend", 0, 6}, {"frontend", 0, 6}, {"mobile", 0, 5}, {"data", 0, 5}, {"operations", 0, 5}, {"ai", 0, 5},
		{"design", 0, 2}},
	paths: paths,
}

var quillmoor = team{
	clerkID: "org_demoQuillmoor", name: "Quillmoor Studio", slug: "quillmoor",
	members:    []Member{{mara, "owner"}, {theo, "member"}, {hanna, "viewer"}},
	writers:    map[string][]Person{"design": {mara}, "writing": {theo, mara}, "media": {theo}},
	approver:   mara,
	fields:     []string{"design", "writing", "media", "frontend"},
	categories: map[string]bool{"Design & Creative": true, "Writing": true, "Translation": true},
	letters:    []letters{{"writing", 0, 6}, {"media", 0, 4}, {"design", 2, 5}},
	paths:      fewPaths,
}

// briefs returns the briefs of the team's own jobs, field by field in turn.
func (t team) briefs(all []brief) []brief {
	var own []brief
	for n := 0; ; n++ {
		before := len(own)
		for _, field := range t.fields {
			if b := ofField(all, field); n < len(b) {
				own = append(own, b[n])
			}
		}
		if len(own) == before {
			return own
		}
	}
}

func ofField(all []brief, field string) []brief {
	var some []brief
	for _, b := range all {
		if b.field == field {
			some = append(some, b)
		}
	}
	return some
}
