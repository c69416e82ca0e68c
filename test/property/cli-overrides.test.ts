/** Laws of flags written into a scenario: exactly the named key changes, and everything else stays where it stood. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse, parseDocument, stringify, visit } from 'yaml';
import { withOverrides } from '../../src/cli/overrides.ts';

type Mapping = { [key: string]: number | string | number[] | Mapping };
const names = ['tp', 'pp', 'layout', 'workload', 'seed', 'recompute'] as const;
const scalars = fc.oneof(fc.nat(64), fc.constantFrom('full', 'bf16', '15T'), fc.array(fc.nat(8), { maxLength: 3 }));
const { mapping } = fc.letrec<{ mapping: Mapping }>((tie) => ({
  mapping: fc.dictionary(
    fc.constantFrom(...names),
    fc.oneof({ maxDepth: 2, depthIdentifier: 'yaml' }, scalars, tie('mapping')),
    { maxKeys: 4, depthIdentifier: 'yaml', noNullPrototype: true },
  ),
}));

/** The same values as text in some of the ways in which people write YAML. */
const texts = fc
  .record({ value: mapping, isFlow: fc.boolean(), indent: fc.constantFrom(2, 4), isCommented: fc.boolean() })
  .map(({ value, isFlow, indent, isCommented }) => {
    const document = parseDocument(stringify(value, { indent }));
    visit(document, {
      Map: (_key, node, path) => {
        if (isFlow && path.length > 1) node.flow = true;
      },
    });
    const text = document.toString({ indent });
    return { value, text: isCommented ? `# What is asked?\n${text.replaceAll(/\n(?=.)/gu, '  # why\n')}` : text };
  })
  // A comment behind `key:` of a nested block is legal; behind a flow that spans lines it may not be.
  .filter(({ text }) => parseDocument(text).errors.length === 0);

const paths = fc.array(fc.constantFrom(...names), { minLength: 1, maxLength: 3 });
const values = fc.constantFrom('7', '[1, 2]', '{full: 12}', 'bf16', '"a: b"');

const put = (value: Mapping, [key = '', ...rest]: readonly string[], leaf: Mapping[string]): Mapping => {
  const below = value[key];
  const isMapping = typeof below === 'object' && !Array.isArray(below);
  return { ...value, [key]: rest.length === 0 ? leaf : put(isMapping ? below : {}, rest, leaf) };
};

describe('a flag written into a scenario', () => {
  it('changes the value of its key and of no other', () => {
    fc.assert(
      fc.property(texts, paths, values, ({ value, text }, path, written) => {
        const leaf = parse(written) as Mapping[string];
        expect(parse(withOverrides(text, [{ path, value: written }]))).toEqual(put(value, path, leaf));
      }),
      { numRuns: 500 },
    );
  });
  it('leaves every comment in the file', () => {
    fc.assert(
      fc.property(texts, values, ({ value, text }, written) => {
        // Whoever replaces a whole mapping replaces the comments inside.
        fc.pre(typeof value['seed'] !== 'object');
        const after = withOverrides(text, [{ path: ['seed'], value: written }]);
        expect(after.split('#').length).toBe(text.split('#').length);
      }),
    );
  });
  it('keeps the number of every line above it', () => {
    const text = '# What is asked?\nmodel: gpt-13b\nlayout: {tp: 4, pp: 2} # fixed\nseed: 1\n';
    expect(withOverrides(text, [{ path: ['layout', 'tp'], value: '[4, 8]' }])).toBe(
      '# What is asked?\nmodel: gpt-13b\nlayout: {tp: [4, 8], pp: 2} # fixed\nseed: 1\n',
    );
    expect(withOverrides(text, [{ path: ['layout', 'vp'], value: '2' }])).toContain(
      'layout: {tp: 4, pp: 2, vp: 2} # fixed',
    );
    expect(withOverrides(text, [{ path: ['devices'], value: '64' }])).toBe(`${text}devices: 64\n`);
  });
  it('turns a name of a catalogue into that entry with a change', () => {
    const text = 'model: gpt-13b\ncluster: dgx-h100\n';
    expect(parse(withOverrides(text, [{ path: ['cluster', 'nic'], value: '800Gbps' }]))).toEqual({
      model: 'gpt-13b',
      cluster: { base: 'dgx-h100', nic: '800Gbps' },
    });
  });
  it('writes a scenario from nothing', () => {
    const overrides = [
      { path: ['model'], value: 'gpt-13b' },
      { path: ['layout', 'tp'], value: '8' },
      { path: ['layout', 'pp'], value: '2' },
    ];
    expect(withOverrides('', overrides)).toBe('model: gpt-13b\nlayout: {tp: 8, pp: 2}\n');
  });
  it('leaves a text that is not YAML for the parser to complain about', () => {
    expect(withOverrides('model: [', [{ path: ['seed'], value: '2' }])).toBe('model: [');
  });
});
