// Run by contract_test.go: what Clerk's own library makes of the sandbox.
import assert from 'node:assert/strict';
import { createClerkClient, verifyToken } from '@clerk/backend';
import { isClerkAPIResponseError } from '@clerk/shared/error';

const { API, SECRET, PUBLISHABLE, BY_TOKEN, BY_NONCE } = process.env;
const clerk = createClerkClient({ secretKey: SECRET, publishableKey: PUBLISHABLE, apiUrl: API, telemetry: { disabled: true } });
const party = { authorizedParties: ['http://localhost:1'] };

let token;
for (const [name, url] of Object.entries({ token: BY_TOKEN, nonce: BY_NONCE })) {
  const state = await clerk.authenticateRequest(new Request(url, { headers: { 'sec-fetch-dest': 'document' } }), party);
  const auth = state.toAuth();
  assert.equal(state.status, 'signed-in', name);
  assert.deepEqual([auth.userId, auth.orgId, auth.orgRole, auth.orgSlug], ['user_zoe', 'org_a', 'org:admin', 'alpha'], name);
  assert.equal(state.headers.getSetCookie().length, 3, name);
  token = state.token;
}
const claims = await verifyToken(token, { secretKey: SECRET, apiUrl: API, ...party });
assert.deepEqual([claims.v, claims.iss, claims.sts, claims.exp - claims.iat], [2, API, 'active', 60]);

const user = await clerk.users.getUser('user_zoe');
assert.deepEqual([user.firstName, user.lastName, user.primaryEmailAddress.emailAddress], ['Zoe', 'Two Names', 'Zoe@example.com']);
const organization = await clerk.organizations.createOrganization({ name: 'Judged', createdBy: 'user_zoe' });
assert.equal((await clerk.organizations.getOrganization({ slug: 'judged' })).id, organization.id);
const memberships = await clerk.users.getOrganizationMembershipList({ userId: 'user_zoe', limit: 500 });
assert.equal(memberships.totalCount, 3);
assert.equal(memberships.data.find(m => m.organization.id === organization.id).role, 'org:admin');
const members = await clerk.organizations.getOrganizationMembershipList({ organizationId: organization.id });
assert.equal(members.data[0].publicUserData.userId, 'user_zoe');

assert.equal((await clerk.sessions.getSession(claims.sid)).status, 'active');
assert.equal((await clerk.sessions.revokeSession(claims.sid)).status, 'revoked');

const fails = async (call, status, code) => {
  const error = await call.then(() => assert.fail('it succeeded'), e => e);
  assert.ok(isClerkAPIResponseError(error), String(error));
  assert.deepEqual([error.status, error.errors[0].code, typeof error.clerkTraceId], [status, code, 'string']);
};
await fails(clerk.users.getUser('user_nobody'), 404, 'resource_not_found');
await fails(clerk.organizations.createOrganization({ name: '', createdBy: 'user_zoe' }), 422, 'form_param_missing');
await fails(createClerkClient({ secretKey: 'sk_test_wrong', apiUrl: API, telemetry: { disabled: true } }).users.getUser('user_zoe'), 401, 'clerk_key_invalid');
console.log('Clerk’s own library agrees.');
