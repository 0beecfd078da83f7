/**
 * The page's only script: text filters and paging over what is already there. It reads and hides elements and
 * makes none from data. Without it everything is shown. Its hash stands in the content security policy.
 */
export const script = `(function () {
  'use strict';
  function make(tag, props) { return Object.assign(document.createElement(tag), props); }
  document.querySelectorAll('[data-filter]').forEach(function (section) {
    var bar = section.querySelector('.filters');
    var lists = [].map.call(section.querySelectorAll('.list'), function (list) {
      var items = [].slice.call(list.querySelectorAll(':scope > .item'));
      var size = Number(list.dataset.page) || 8;
      var page = 0, kept = items;
      var status = make('span', {});
      status.setAttribute('role', 'status');
      var back = make('button', { type: 'button', textContent: '← Previous' });
      var next = make('button', { type: 'button', textContent: 'Next →' });
      var pager = make('div', { className: 'pager' });
      pager.append(back, status, next);
      list.before(pager);
      function show() {
        var pages = Math.max(1, Math.ceil(kept.length / size));
        page = Math.min(Math.max(page, 0), pages - 1);
        var visible = new Set(kept.slice(page * size, (page + 1) * size));
        items.forEach(function (item) { item.hidden = !visible.has(item); });
        status.textContent = kept.length === 0 ? 'none match' : (page * size + 1) + '–' + Math.min(kept.length, (page + 1) * size) + ' of ' + kept.length;
        back.disabled = page === 0;
        next.disabled = page === pages - 1;
      }
      back.onclick = function () { page--; show(); };
      next.onclick = function () { page++; show(); };
      show();
      return function (test) { kept = items.filter(test); page = 0; show(); };
    });
    var search = make('input', { type: 'search', placeholder: 'Filter ' + section.dataset.filter + ' by text' });
    search.setAttribute('aria-label', search.placeholder);
    bar.append(search);
    var sign = null;
    if (section.querySelector('[data-sign]')) {
      sign = make('select', {});
      sign.setAttribute('aria-label', 'Total reward');
      [['', 'any total'], ['pos', 'total above 0'], ['neg', 'total below 0'], ['zero', 'total 0']].forEach(function (option) {
        sign.append(make('option', { value: option[0], textContent: option[1] }));
      });
      bar.append(sign);
    }
    function apply() {
      var words = search.value.toLowerCase();
      lists.forEach(function (filter) {
        filter(function (item) {
          return (!sign || !sign.value || item.dataset.sign === sign.value) && (!words || item.textContent.toLowerCase().indexOf(words) !== -1);
        });
      });
    }
    search.oninput = apply;
    if (sign) sign.onchange = apply;
  });
})();
`;
