package isolation

// busy tells whether the server was too busy to answer, or a limit of time cut it off.
func (r reply) busy() bool { return r.code == "55P03" || r.code == "57014" || r.code == "40P01" }

// blunt is the code of an attack that found out by itself that it tries nothing.
const blunt = "blunt"

// verdict is what there is to judge of an attack.
type verdict struct {
	from       situation
	on         *relation
	by         attack
	got, other reply // at a row that the victim has, and at one that it has not
	changed    bool  // the victim's rows are not what they were
}

// judge enters what became of an attack.
func (t *trial) judge(v verdict) {
	kind, fault := v.breach()
	if kind == "" {
		t.passed(t.path, v.from.name, v.on.Name, v.by.name)
		return
	}
	t.breach(kind, t.path, v.from.name, v.on.Name, v.by.name, fault)
}

func (v verdict) breach() (Kind, string) {
	sharp := v.by.sharp != nil && v.from.write && v.on.Insert
	switch {
	case v.changed:
		return Leak, "rows of the other tenant have changed"
	case v.got.busy() || v.other.busy():
		return Unproven, "no answer in time: " + v.got.brief()
	case v.got.code == blunt || v.other.code == blunt:
		return Unproven, "the attack tries nothing: " + v.got.text
	case !v.by.safe(v.got):
		return Leak, "answered " + v.got.brief()
	case !v.by.safe(v.other):
		return Leak, "answered " + v.other.brief()
	case v.got.String() != v.other.String():
		return Oracle, differ(v.got, v.other)
	case sharp && !v.by.sharp(v.other):
		return Unproven, "the attack tries nothing: " + v.other.brief()
	}
	return "", ""
}

// differ says how two replies differ.
func differ(has, hasNot reply) string {
	if has.brief() == hasNot.brief() {
		return "what is shown depends on what the other tenant has: " + has.brief()
	}
	return "where the other tenant has it: " + has.brief() + "; where it has not: " + hasNot.brief()
}
